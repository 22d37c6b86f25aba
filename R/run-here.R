# The same contract without workers: items that run in this process.

# What is next: an item or several of them, or one more value of a generator. Each item begins with
# random numbers of its own, of which the caller's generator knows nothing.
run_step <- function(state) {
  plan <- state$plan
  base <- the$base
  saved <- save_random()
  on.exit({
    the$base <- base
    lift_limit(plan)
    restore_random(saved)
  })
  the$base <- sys.nframe()
  interruptible(naming_item(call_step(state$handle), state), plan$call)
  NULL
}

# An item's time, by R's own means: limited before it begins, unlimited after it.
limit_call <- function(plan) {
  if (plan$workers > 0L || is.infinite(plan$timeout)) return(NULL)
  call("setTimeLimit", elapsed = plan$timeout, transient = TRUE)
}

lift_limit <- function(plan) if (is.finite(plan$timeout)) setTimeLimit()

# The condition if it tells of a limit that the caller has set: that is over for the whole call, not
# for the item that met it. Else NULL.
callers_limit <- function(cnd, plan) {
  limits <- if (is.finite(plan$timeout)) time_limits[-1L] else time_limits
  if (!is.null(cnd) && is_limit(cnd, limits)) cnd
}

# What a list has in the item's place tells that it was left half-way.
leave_by_limit <- function(limit, state) {
  plan <- state$plan
  if (plan$is_map) state$failures$add(new_cut(call_summary(state$handle)$in_hand, plan))
  stop(limit)
}

is_limit <- function(cnd, limits = time_limits) message_of(cnd) %in% gettext(limits, domain = "R")

# What R says of limits, that of a single evaluation first, which lomp uses itself.
time_limits <- c(
  "reached elapsed time limit", "reached CPU time limit", "reached session elapsed time limit",
  "reached session CPU time limit"
)

# The value; warnings and messages on the way name their item, as those of workers do.
naming_item <- function(value, state) {
  plan <- state$plan
  name <- function(cnd) {
    if (plan$retries_dots) muffle_retry(cnd)
    name_item(cnd, item_at(call_summary(state$handle)$in_hand, plan), state$progress)
  }
  withCallingHandlers(making_way(value, state$progress), warning = name, message = name)
}

# Says it again with the item, to the caller's handlers, and no more without. A condition that can't
# be muffled goes on as it is.
name_item <- function(cnd, item, shown) {
  restart <- muffling_restart(cnd)
  if (is.null(restart) || is_to_be_error(restart$name)) return()
  cnd <- light_condition(without_own_call(cnd, item_calls()))
  said <- list(condition = cnd, muffles = restart$name)
  say_again(list(kind = "condition", value = said), item, shown)
  invokeRestart(restart)
}
