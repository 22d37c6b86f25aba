# The same contract without workers.

run_inprocess <- function(plan, frame) {
  base <- the$base
  on.exit(the$base <- base)
  the$base <- sys.nframe()
  results <- new_results(plan)
  failures <- list()
  next_item <- 1
  while (next_item <= plan$n) {
    failed <- inprocess_run(frame, results, next_item, item_calls, describe_failure)
    if (is.null(failed)) break
    failures[[length(failures) + 1L]] <- new_item_error(failed[[1L]], failed[[2L]], plan)
    next_item <- failed[[1L]] + 1
    if (plan$on_error == "stop") break
  }
  stopped <- length(failures) > 0L && plan$on_error == "stop" && next_item <= plan$n
  not_done <- if (stopped) seq(next_item, plan$n) else numeric()
  list(results = results, failures = failures, not_done = not_done)
}
