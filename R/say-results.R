# The field `results` of conditions, as far as it is made when it is asked for: a list of what a
# vector has in places takes longer to make, and more memory, than the call did.

# Stands for the list: an environment with the number of all items, and of those that are finished.
# It keeps nothing else of the call.
deferred_results <- function(outcome, plan) {
  plan <- plan[c("n", "names", "value", "random")]
  results <- structure(new.env(parent = emptyenv()), class = "lomp_deferred_results")
  results$n <- plan$n
  results$finished <- plan$n - length(unfinished(outcome))
  delayedAssign("list", list_of_vector(outcome, plan), assign.env = results)
  results
}

# As lomp_map() would have it: each value has the names that vapply takes from the first one.
list_of_vector <- function(outcome, plan) {
  prototype <- plan$value$prototype
  each <- bare_length(prototype)
  attributes <- value_attributes(outcome$first, plan$value)
  vector <- outcome$results
  outcome$results <- lapply(seq_len(plan$n), function(item) {
    value <- if (each == 1L) vector[[item]] else vector[(item - 1) * each + seq_len(each)]
    if (!is.null(attributes)) attributes(value) <- attributes
    value
  })
  names(outcome$results) <- plan$names
  listed_results(outcome, plan)
}

value_attributes <- function(first, value) {
  if (bare_length(value$prototype) == 1L) return(NULL)
  rows <- row_names(first, value)
  if (!is_array_value(value$prototype)) return(if (!is.null(rows)) list(names = rows))
  list(dim = extents_of(value$prototype), dimnames = rows)
}

is_deferred <- function(results) inherits(results, "lomp_deferred_results")

count_all <- function(results) if (is_deferred(results)) results$n else length(results)

count_finished <- function(results) {
  if (is_deferred(results)) results$finished else count_results(results)
}

# The condition with these results, deferred or not.
set_results <- function(cnd, results) {
  if (is_deferred(results)) class(cnd) <- append(class(cnd), "lomp_deferred", after = 1L)
  cnd["results"] <- list(results)
  cnd
}

#' @export
`$.lomp_deferred` <- function(x, name) field_of(x, name)

#' @export
`[[.lomp_deferred` <- function(x, i, ...) field_of(x, i)

field_of <- function(x, name) {
  value <- if (is.character(name)) .subset(x, name)[[1L]] else .subset2(x, name)
  if (is_deferred(value)) value$list else value
}
