# Errors of tasks as foreach's users know them, and look for their words.

# That of an item of lomp's, which keeps its class and all that it knows.
as_task_error <- function(failure, expr) {
  failure$message <- tell_task(failure$item, failure$parent)
  failure["call"] <- list(expr)
  if (identical(utils::head(failure$calls, 3L), own_calls)) failure <- begin_at_code(failure, expr)
  class(failure) <- append(class(failure), "simpleError", length(class(failure)) - 2L)
  failure
}

# That of a task that has given an error condition, which foreach takes for one that was thrown.
new_task_error <- function(cnd, task, expr) {
  failure <- new_failure("lomp_error", "", task, NULL, cnd, character(), proc.time()[["elapsed"]])
  as_task_error(failure, expr)
}

tell_task <- function(task, cnd) {
  call <- tryCatch(conditionCall(cnd), error = function(cnd) NULL)
  place <- if (is.null(call) || identical(call, task_call)) "" else paste0("\nin ", one_line(call))
  begin <- sprintf("task %s failed - ", format_count(task))
  sprintf("%s\"%s\"%s", begin, reason_of(cnd, begin, place), place)
}

# A task's own call tells nothing.
task_call <- quote(eval(xpr, envir = envir))

# The calls that lead to a task's code. The variables of the last one's frame are the task's.
own_calls <- c("FUN(X[[i]], ...)", rep("eval(xpr, envir = envir)", 2L))

# The code stands for them.
begin_at_code <- function(failure, expr) {
  failure$calls <- c(one_line(expr), failure$calls[-(1:3)])
  if (!is.null(failure$places)) failure$places <- c(place_of_code(expr), failure$places[-(1:3)])
  if (!is.null(failure$frames)) failure$frames <- frames_from_code(failure$frames, expr)
  failure
}

# Of code in braces R knows where it begins.
place_of_code <- function(expr) {
  source <- attr(expr, "srcref", exact = TRUE)
  if (is.list(source)) place_of_source(source[[1L]]) else ""
}

frames_from_code <- function(frames, expr) {
  kept <- frames[-(1:2)]
  names(kept)[[1L]] <- one_line(expr)
  structure(kept, error.message = attr(frames, "error.message"), class = class(frames))
}
