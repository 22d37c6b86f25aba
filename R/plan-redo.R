# A call that goes on where an earlier one has stopped.

# What is to be done again: list(results = , todo = , seed = , file = ). `todo` has the positions of
# the items that have no result, `file` is what lomp_read() tells of the file that results are from.
check_redo <- function(redo, n) {
  results <- earlier_results(redo)
  if (is.null(results)) {
    takes <- "must be an earlier result: a list, or a condition of lomp that has results"
    stop_argument(".redo", takes, describe_value(redo))
  }
  if (length(results) != n) {
    takes <- sprintf("must have as many results as `.x` has elements: %s", format_count(n))
    stop_argument(".redo", takes, format_count(length(results)))
  }
  todo <- as.numeric(which(!lomp_ok(results)))
  file <- attr(redo, "lomp_checkpoint", exact = TRUE)
  seed <- if (is.null(file)) seed_of(results[todo]) else file$seed
  list(results = results, todo = todo, seed = seed, file = file)
}

earlier_results <- function(redo) {
  if (inherits(redo, c("lomp_error", "lomp_interrupt"))) return(redo$results)
  if (is.list(redo) && !inherits(redo, "condition")) redo
}

# An item of an iterator has any number of results.
check_delivered <- function(redo) {
  finished <- redo$results[setdiff(seq_along(redo$results), redo$todo)]
  if (all(vapply(finished, is.list, NA))) return()
  stop_argument(".redo", "must have a list with its results for each item that was finished")
}

# From any of the conditions of the earlier call: so the items draw what they would have drawn.
seed_of <- function(failures) {
  for (failure in failures) {
    if (!is.null(failure$seed)) return(failure$seed)
  }
  NULL
}

# The items that a call runs, their positions if they aren't all.
items_to_run <- function(plan) if (is.null(plan$redo)) plan$n else length(plan$redo$todo)

# The position of the item that is this one of those that are run.
item_at <- function(item, plan) if (is.null(plan$redo)) item else plan$redo$todo[item]

# All results of a call that goes on, those of the earlier one among them.
with_earlier <- function(results, plan) {
  all <- plan$redo$results
  attributes(all) <- NULL
  if (!is.null(plan$names)) names(all) <- plan$names
  all[plan$redo$todo] <- results
  all
}
