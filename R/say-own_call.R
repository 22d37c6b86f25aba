# Where `.f` itself is what signals, stop() or warning() say, the condition's call is that of the
# frame below it: lapply's there, and one of lomp's own here, which no user knows. It has none then.

# A worker's items are called from its child_items(run), and those of this process from R's own
# tryCatch(), which items may call, too. `calls` are the item's, NULL if they aren't this process';
# they take time to find, and are looked at only where that may matter.
without_own_call <- function(condition, calls = NULL) {
  if (!is.list(condition)) return(condition)
  call <- .subset2(condition, "call")
  if (is_worker_call(call) || identical(call, local_call) && !is.null(calls) && !tries(calls)) {
    condition["call"] <- list(NULL)
  }
  condition
}

local_call <- quote(doTryCatch(return(expr), name, parentenv, handler))

tries <- function(calls) any(grepl("^(doT|t)ryCatch\\(", calls))

# As describe_failure(), of an item that was run in this process.
describe_here <- function(condition, noted, seconds) {
  condition <- without_own_call(condition, as.character(noted$calls))
  describe_failure(condition, noted, seconds)
}
