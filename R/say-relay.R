# What items signal: on its way to the session, and there. For an error, whether it was thrown.

# What an item signals is sent to the session, and is over here: a warning and a message say nothing
# more in this process. An interrupt goes its own way.
relay_condition <- function(cnd, run) {
  if (inherits(cnd, "interrupt")) return()
  restarts <- computeRestarts(cnd)
  restart <- muffling_restart(cnd, restarts)
  if (!is.null(restart) && is_to_be_error(restart$name)) return()
  is_sent <- send_condition(cnd, restart, restarts, run)
  if (is_sent && !is.null(restart)) invokeRestart(restart)
}

# An error that isn't thrown is relayed, too. No handler that is left here may see it: the next one
# would end the item.
relay_error <- function(cnd, way, signaller, run) {
  restarts <- computeRestarts(cnd)
  restart <- named_restart(way, restarts)
  send_condition(cnd, restart, restarts, run)
  if (is.null(restart)) return_from(sys.frame(signaller), NULL)
  invokeRestart(restart)
}

# FALSE in a process that an item has forked, which has nothing to send.
send_condition <- function(cnd, restart, restarts, run) {
  muffles <- if (is.null(restart)) "" else .subset2(restart, 1L)
  # One is R's, and most warnings and messages have but one more.
  others <- if (length(restarts) > 1L + nzchar(muffles)) other_restarts(restarts, restart)
  child_relay(run, list(condition = light_condition(cnd), muffles = muffles, restarts = others))
}

# Where warnings are to be errors, R makes them that when no handler has muffled them.
is_to_be_error <- function(muffles) {
  identical(muffles, "muffleWarning") && isTRUE(getOption("warn") >= 2)
}

# That of warning() or message(); a condition that is only signalled has none.
muffling_restart <- function(cnd, restarts = computeRestarts(cnd)) {
  if (inherits(cnd, "warning")) return(named_restart("muffleWarning", restarts))
  if (inherits(cnd, "message")) named_restart("muffleMessage", restarts)
}

# NULL if there is none.
named_restart <- function(name, restarts) {
  for (restart in restarts) if (.subset2(restart, 1L) == name) return(restart)
}

# The names of those that the item has established beside the muffling one; no R frame of a worker's
# own has any. The last one is R's, which leads to the top level.
other_restarts <- function(restarts, muffling) {
  names <- vapply(restarts[-length(restarts)], function(restart) restart[[1L]], "")
  setdiff(names, muffling$name)
}

# Returns from the function whose frame this is, which is still running.
return_from <- function(frame, value) do.call("return", list(value), quote = TRUE, envir = frame)

# ---- In the session -----------------------------------------------------------------------------

# Signals a condition of an item's as its worker would have, had it been this process: handlers see
# it, and a warning or message that no handler has muffled is shown.
signal_again <- function(sent, item) {
  cnd <- sent$condition
  attr(cnd, "lomp_item") <- item
  with_restarts(sent$restarts, switch(sent$muffles, muffleWarning = warning(cnd),
                                      muffleMessage = message(cnd), signalCondition(cnd)))
}

# The item has gone on since. Whatever its restarts do there, a handler that takes one here says
# that it has seen to the condition, and the call goes on, too.
with_restarts <- function(names, code) {
  if (length(names) == 0L) return(code)
  names <- setdiff(names, c("", "expr"))  # which withRestarts() wouldn't take for names
  restarts <- rep(list(function(...) NULL), length(names))
  names(restarts) <- names
  do.call(withRestarts, c(list(quote(code)), restarts))
}

# ---- Errors -------------------------------------------------------------------------------------

# How the item goes on after this error if no handler takes it: by the restart of this name, with
# "" by the return of signalCondition(). NULL if it doesn't, which is the rule: the error was
# thrown. `signaller` is the number of the frame in which it was signalled.
way_of_error <- function(cnd, signaller) {
  way <- tryCatch(find_way(cnd, signaller), error = function(cnd) NULL)
  if (!is_to_be_error(way)) way
}

# An error of R's own in an argument of signalCondition() has the same frame, but isn't what is
# signalled there.
find_way <- function(cnd, signaller) {
  if (is_frame_of(warning, below_restart(signaller))) return("muffleWarning")
  is_signalled <- is_frame_of(signalCondition, signaller) &&
    is_same_object(sys.frame(signaller)$cond, cnd)
  if (!is_signalled) return(NULL)
  if (is_frame_of(message, below_restart(signaller - 1L))) return("muffleMessage")
  if (!throws(sys.function(signaller - 1L))) ""
}

# The frame of the code that withRestarts() runs in this one; 0 if it doesn't.
below_restart <- function(frame) {
  if (identical(sys.call(frame)[[1L]], quote(doWithOneRestart))) frame - 3L else 0L
}

is_frame_of <- function(f, frame) frame > 0L && identical(sys.function(frame), f)

# Does the function of a package signal an error in order to stop? What rlang, processx and others
# have for stop() signals it, prints it where no handler takes it, and leaves by another condition,
# which is no error. The end of the code tells.
throws <- function(f) {
  code <- body(f)
  if (!is.call(code) || identical(topenv(environment(f)), globalenv())) return(FALSE)
  end <- if (identical(code[[1L]], quote(`{`))) code[[length(code)]] else code
  is.call(end) && (identical(end[[1L]], quote(stop)) || identical(end[[1L]], quote(base::stop)))
}

# Without workers the handlers of the caller come after lomp's own. So there an error that is thrown
# leaves the item by a condition of its own, and another one goes on to them. What calls this in C++
# is one frame above the signaller's.
new_hearing <- function(note) {
  force(note)
  function(cnd) {
    signaller <- sys.nframe() - 2L
    if (is.null(way_of_error(cnd, signaller))) signalCondition(thrown(cnd, note(cnd)))
  }
}

hear_error <- new_hearing(function(cnd) note_calls(cnd))

thrown <- function(cnd, noted) {
  structure(
    class = c("lomp_thrown", "condition"),
    list(message = "an item's error", call = NULL, error = cnd, noted = noted)
  )
}

# Of an error that R doesn't show to calling handlers, since the stack is full, only itself is
# known. A time limit of the caller's isn't the item's failure: it leaves the call.
describe_thrown <- function(cnd, state) {
  seconds <- call_summary(state$handle)$item_seconds
  if (!inherits(cnd, "lomp_thrown")) return(describe_failure(cnd, NULL, seconds))
  limit <- callers_limit(cnd$error, state$plan)
  if (!is.null(limit)) leave_by_limit(limit, state)
  describe_here(cnd$error, cnd$noted, seconds)
}
