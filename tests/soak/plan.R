# What a call is to be, drawn from its seed.

draw_from <- function(choices, weights = NULL) sample(choices, 1, prob = weights)

happens <- function(chance) stats::runif(1) < chance

# The seed of the k-th call of a run.
seed_of_call <- function(seed, k) hash_of(seed, k, 77)

shapes <- c("vector", "list", "frame", "object", "stream", "iterate")
leaves <- c("none", "exiting", "restart", "limit", "warn", "progress", "jumping")
stream_leaves <- c("producer", "closing", "warner")

plan_call <- function(seed) {
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  plan <- list(
    seed = seed, shape = draw_from(shapes, c(3, 2, 1, 1, 3, 4)),
    workers = draw_from(0:6, c(2, 2, 5, 4, 2, 1, 1)), on_error = draw_from(c("stop", "collect")),
    bytes = draw_from(c(1e2, 1e4, 1e6, 3e7), c(4, 3, 3, 1)),
    gives = draw_from(c("plain", "emit", "generator"))
  )
  plan$n <- items_of(plan)
  plan$pause <- draw_from(c(0, 0.3, 1.5)) / plan$n
  plan$timeout <- if (happens(0.25)) stats::runif(1, 0.8, 2) else Inf
  plan <- plan_iterator(plan)
  plan <- plan_stream(plan)
  plan <- plan_faults(plan)
  plan <- plan_surroundings(plan)
  plan_signals(plan)
}

# Few large ones or many small ones; coro takes some hundredths of a second to make a generator.
items_of <- function(plan) {
  most <- c("100" = 3000, "10000" = 500, "1e+06" = 60, "3e+07" = 10)[[as.character(plan$bytes)]]
  if (plan$shape == "iterate" && plan$gives == "generator") most <- min(most, 50)
  floor(most^stats::runif(1))
}

# `fails_at`: the item at which a producer fails.
plan_stream <- function(plan) {
  plan$is_stream <- plan$shape == "stream" || plan$shape == "iterate" && happens(0.4)
  plan$producer <- draw_from(c("function", "closing function", "generator", "iterator"))
  plan$fails_at <- sample.int(plan$n, 1)
  plan$warned <- new.env()
  plan$has_names <- plan$shape == "frame" ||
    !plan$is_stream && plan$shape != "object" && happens(0.3)
  plan
}

plan_faults <- function(plan) {
  plan$menu <- sample(possible_faults(plan), sample.int(5, 1))
  # A worker that isn't to be terminated doesn't even do it itself.
  if (any(c("block", "ignore") %in% plan$menu)) plan$menu <- setdiff(plan$menu, "terminate")
  # An infinite loop takes as long as the limit, and others their time.
  slow <- any(plan$menu %in% c("loop", "spin", "loose", "heavy"))
  plan$fault_rate <- min(draw_from(c(0, 0.03, 0.2, 0.7)), if (slow) 4 / plan$n, 30 / plan$n)
  plan$has_faults <- plan$fault_rate > 0
  plan
}

possible_faults <- function(plan) {
  menu <- names(faults)
  if (plan$workers == 0) menu <- menu[vapply(faults, function(f) f$here, NA)]
  if (is.infinite(plan$timeout)) menu <- setdiff(menu, c("loop", "spin"))
  if (plan$shape != "iterate") return(setdiff(menu, c("end", "unsent")))
  setdiff(menu, c(
    "pointer", if (plan$gives == "generator") "end", if (plan$gives != "emit") "unsent"
  ))
}

plan_surroundings <- function(plan) {
  plan$leave <- draw_from(c(leaves, if (plan$is_stream) stream_leaves))
  if (happens(0.4)) plan$leave <- "none"
  plan$limit <- stats::rexp(1, 3)
  plan$progress <- draw_from(c("none", "none", "function", "bar"))
  if (plan$leave %in% c("progress", "jumping")) plan$progress <- plan$leave
  plan$captures <- happens(0.3)
  plan$generator <- draw_from(c("Mersenne-Twister", "L'Ecuyer-CMRG", "Marsaglia-Multicarry"))
  plan$buffer <- draw_from(c(1, 1e4, 1e6, 64 * 2^20))
  plan$redo <- happens(0.6)
  plan
}

# `parts`: at most so many results from an item; `use`: what becomes of the iterator.
plan_iterator <- function(plan) {
  plan$parts <- draw_from(c(3, 3, 60))
  if (plan$n > 50) plan$parts <- 3
  plan$ordered <- happens(0.5)
  plan$use <- draw_from(c("loop", "list", "foreach", "left", "closed", "dropped"),
                        c(6, 3, 1, 1, 1, 1))
  plan$leaves_after <- sample.int(plan$n, 1)
  plan$is_slow <- happens(0.2)
  plan
}

# Deadly ones, those that a process outlives, and interrupts of the session.
plan_signals <- function(plan) {
  count <- if (happens(0.4)) 0 else sample.int(6, 1)
  to_session <- stats::runif(count) < 0.2
  worker <- c(tools::SIGKILL, tools::SIGTERM, 11L, 6L, tools::SIGSTOP, tools::SIGINT)
  signals <- sample(worker, count, TRUE, c(5, 2, 2, 1, 4, 1))
  signals[to_session] <- sample(c(tools::SIGINT, tools::SIGSTOP), sum(to_session), TRUE, c(2, 1))
  plan$sends <- list(delays = sort(stats::rexp(count, 5)), signals = as.integer(signals),
                     to_session = to_session, picks = sample.int(1e6, count, TRUE))
  plan
}

describe_plan <- function(plan) {
  parts <- c(
    plan$shape, if (plan$is_stream) paste("from a", plan$producer),
    if (plan$shape == "iterate") {
      c(plan$gives, if (plan$ordered) "ordered", plan$use)
    },
    paste(plan$n, "items of up to", format(plan$bytes, scientific = FALSE), "bytes"),
    paste(plan$workers, "workers"), plan$on_error,
    if (is.finite(plan$timeout)) sprintf("timeout %.2f", plan$timeout),
    if (plan$has_faults) sprintf("faults %.3f of %s", plan$fault_rate, toString(plan$menu)),
    if (plan$leave != "none") paste("leave by", plan$leave),
    if (plan$progress != "none") paste("progress", plan$progress),
    if (length(plan$sends$delays) > 0) {
      sprintf("signals %s", toString(sprintf(
        "%d%s@%.2f", plan$sends$signals, ifelse(plan$sends$to_session, "!", ""), plan$sends$delays
      )))
    }
  )
  paste(parts, collapse = "; ")
}
