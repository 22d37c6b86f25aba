# How a call of lomp_vapply() ends: its results as vapply gives them, and as a list where they are
# to be told from failures.

goes_into_vector <- function(plan) isTRUE(plan$value$is_vector)

# What the caller gets: `results` are those of all_results().
returned <- function(outcome, results, plan) {
  if (is.null(plan$value)) return(results)
  if (goes_into_vector(plan)) return(with_shape(with_missing(outcome, plan), outcome$first, plan))
  vector_of_list(with_missing_cells(results, plan), plan)
}

# The same of a call of lomp_vapply() that ended well, whose list isn't looked at.
returned_well <- function(outcome, plan) {
  if (!goes_into_vector(plan)) return(vector_of_list(outcome$results, plan))
  with_shape(outcome$results, outcome$first, plan)
}

# vapply itself knows best.
vector_of_list <- function(results, plan) {
  names(results) <- plan$value$names
  vapply(results, identity, plan$value$prototype, USE.NAMES = plan$value$use_names)
}

with_missing_cells <- function(results, plan) {
  failed <- !lomp_ok(results)
  if (any(failed)) results[failed] <- list(missing_value(plan$value$prototype))
  results
}

missing_value <- function(prototype) {
  value <- vector(typeof(prototype), bare_length(prototype))
  if (!is.raw(value)) value[] <- if (is.complex(value)) NA_complex_ else NA
  value
}

# ---- One vector ---------------------------------------------------------------------------------

with_missing <- function(outcome, plan) {
  items <- as.numeric(unfinished(outcome))
  vector_set_missing(outcome$results, items, bare_length(plan$value$prototype))
  outcome$results
}

# An item that a limit has cut is among both.
unfinished <- function(outcome) {
  failed <- vapply(outcome$failures, function(f) f$item, 0)
  unique(c(failed[!is.na(failed)], outcome$not_done))
}

# Dimensions and names as vapply has them. To set them here would copy the vector.
with_shape <- function(vector, first, plan) {
  value <- plan$value
  each <- bare_length(value$prototype)
  if (each == 1L) {
    vector_set_shape(vector, NULL, NULL, value$names)
    return(vector)
  }
  extents <- extents_of(value$prototype)
  vector_set_shape(vector, c(extents, as.integer(plan$n)), all_dimnames(first, value, extents),
                   NULL)
  vector
}

extents_of <- function(prototype) {
  if (is_array_value(prototype)) attr(prototype, "dim", exact = TRUE) else bare_length(prototype)
}

# Those of each value's extents, then those of the items.
all_dimnames <- function(first, value, extents) {
  if (!value$use_names) return(NULL)
  rows <- row_names(first, value)
  if (is.null(rows) && is.null(value$names)) return(NULL)
  if (is.null(rows)) return(c(vector("list", length(extents)), list(value$names)))
  c(if (is_array_value(value$prototype)) unname(rows) else list(rows), list(value$names))
}

row_names <- function(first, value) {
  is_array <- is_array_value(value$prototype)
  own <- names_of_rows(value$prototype, is_array)
  if (is.null(own) && !is.null(first)) names_of_rows(first, is_array) else own
}
