# What the user's interrupt does to a call that has results: it ends the workers, and what they had
# finished comes nevertheless. So it must not leave lomp's own code, where results are on their way.

# Whether a call was interrupted, and how to end it early, once there is something to end.
new_call <- function(interrupted = FALSE, stop = NULL) environment()

# From here on an interrupt calls stop(), and one that has come already does.
stop_by <- function(call, stop) {
  call$stop <- stop
  if (call$interrupted) stop()
}

was_interrupted <- function(plan) isTRUE(plan$call$interrupted)

end_early <- function(call) {
  call$interrupted <- TRUE
  if (!is.null(call$stop)) call$stop()
  NULL
}

# The value; an interrupt on the way ends the call early, and lomp's code goes on from where it was.
# R signals some interrupts without that way back: those go through.
heed_interrupts <- function(value, call) {
  withCallingHandlers(value, interrupt = function(cnd) {
    if (!is_real_interrupt(cnd)) return()
    end_early(call)
    if (!is.null(findRestart("resume"))) invokeRestart("resume")
  })
}

# The value of code of the user's own, which an interrupt leaves: NULL then. An iterator has no such
# call, and lets interrupts through.
interruptible <- function(value, call) {
  if (is.null(call)) return(value)
  delayedAssign("leave", return(end_early(call)))
  withCallingHandlers(value, interrupt = function(cnd) if (is_real_interrupt(cnd)) leave)
}

# The user's own, which R signals without any content, or an inner call's end by it; not what code
# signals that only looks like one.
is_real_interrupt <- function(cnd) inherits(cnd, "lomp_interrupt") || length(unclass(cnd)) == 0L

# Ends the call as R's own interrupt would: somebody who waits for interrupts gets it, or else the
# prompt comes back, or a script ends.
interrupt <- function(results, can_go_on = TRUE) {
  cnd <- structure(
    class = c("lomp_interrupt", "interrupt", "condition"),
    list(message = paste0("interrupted: ", tell_finished(results, can_go_on)), call = NULL,
         results = results)
  )
  if (is_outermost()) the$last <- cnd
  signalCondition(cnd)
  cat("\n", cnd$message, "\n", sep = "", file = stderr())
  invokeRestart("abort")
}
