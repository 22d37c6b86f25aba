lomp_read <- function(file) {
  if (missing(file)) stop_argument("file", "is missing: it must be the name of a file")
  path <- check_path(file, "file")
  found <- tryCatch(checkpoint_load(path), error = function(cnd) {
    stop_argument("file", "can't be read", why = cnd)
  })
  if (!is.null(found$problem)) stop_unreadable(found)
  if (found$damaged > 0) warn_damaged(found, path)
  results <- found$results
  header <- found$header
  if (!is.null(header$value)) results <- with_value_attributes(results, found$missing, header$value)
  seed <- list(random = list(seed = header$seed))
  if (length(found$missing) > 0L) results[found$missing] <- list(new_not_run(seed))
  names(results) <- header$names
  attr(results, "lomp_checkpoint") <- new_checkpoint(found, path)
  results
}

# What it takes to tell whether a call is the one whose results these are, and to go on.
new_checkpoint <- function(found, path) {
  header <- found$header
  known <- header[c("names", "elements", "seed", "is_seeded", "value", "lomp", "R")]
  structure(class = "lomp_checkpoint", c(known, list(
    file = path, call = call_kinds[found$call], id = found$id, end = found$end, drawn = found$drawn
  )))
}

# Elements have come bare: each value gets what the list in a condition of lomp_vapply() has.
with_value_attributes <- function(results, missing, value) {
  if (!value$type %in% plain_types) return(results)
  first <- if (!1 %in% missing && length(results) > 0L) results[[1L]]
  attributes <- value_attributes(first, list(prototype = prototype_of_file(value)))
  if (is.null(attributes)) return(results)
  lapply(results, function(result) {
    if (!is.null(result) && is.null(attributes(result))) attributes(result) <- attributes
    result
  })
}

#' @export
print.lomp_checkpoint <- function(x, ...) {
  cat("<lomp_checkpoint> of ", x$call, "(), by lomp ", x$lomp, " and R ", x$R, "\n", sep = "")
  invisible(x)
}

stop_unreadable <- function(found) {
  switch(found$problem,
    system = stop_argument("file", paste("can't be read:", errno_text(found$error))),
    version = stop_argument("file", "is a checkpoint of another version of lomp, or machine"),
    cut = stop_argument("file", "is a checkpoint whose beginning is damaged"),
    stop_argument("file", "is no checkpoint of lomp's")
  )
}

warn_damaged <- function(found, path) {
  warning(new_warning("lomp_checkpoint_damaged", file = path, message = sprintf(
    "%s bytes in the middle of %s are damaged: what was in them is not run here",
    format_count(found$damaged), quoted(path)
  )))
}
