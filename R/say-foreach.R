# Errors of tasks as foreach's users know them, and look for their words.

# That of an item of lomp's, which keeps its class and all that it knows.
as_task_error <- function(failure, expr) {
  failure$message <- tell_task(failure$item, failure$parent)
  failure["call"] <- list(expr)
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
