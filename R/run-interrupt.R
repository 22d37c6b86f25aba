# What the user's interrupt does to a call: it ends the workers, and what they had finished comes
# nevertheless. A call's own code runs with interrupts and time limits held back, so that neither
# can leave it where results are on their way; they are let through where the caller's code runs,
# and where nothing is underway.

# Whether a call was interrupted, how to end it early once there is something to end, and what
# failed of the caller's code beside `.f`. A call that gathers results goes on after an interrupt,
# to its end; one that gives them one by one leaves the interrupt to R. One that `outlasts`
# interrupts, a future's, isn't ended by them: what is interrupted is only the wait for it.
new_call <- function(goes_on = TRUE, interrupted = FALSE, stop = NULL, complaints = NULL,
                     fate = new.env(parent = emptyenv()), outlasts = FALSE) {
  force(goes_on)  # a promise would keep its caller's frame, and with it the items
  force(outlasts)
  force(fate)
  environment()
}

# From here on an interrupt calls stop(), and one that has come already does.
stop_by <- function(call, stop) {
  call$stop <- stop
  if (call$interrupted) stop()
}

was_interrupted <- function(plan) isTRUE(plan$call$interrupted)

end_early <- function(call) {
  if (call$outlasts) return(NULL)
  call$interrupted <- TRUE
  call$fate$how <- "interrupted"
  if (!is.null(call$stop)) call$stop()
  NULL
}

# The value of lomp's code; an interrupt on the way ends the call early, and the code goes on from
# where it was. R signals some interrupts without that way back: those go through.
heed_interrupts <- function(value, call) {
  withCallingHandlers(allowInterrupts(value), interrupt = function(cnd) {
    if (!is_real_interrupt(cnd)) return()
    end_early(call)
    if (call$goes_on && !is.null(findRestart("resume"))) invokeRestart("resume")
  })
}

# The value of the caller's own code, which an interrupt leaves: NULL then, or to where R leads it.
interruptible <- function(value, call) {
  delayedAssign("leave", return(end_early(call)))
  withCallingHandlers(allowInterrupts(value), interrupt = function(cnd) {
    if (!is_real_interrupt(cnd)) return()
    if (call$goes_on) leave else end_early(call)
  })
}

# What an iterator's C++ calls now and then while it waits.
new_look <- function(call) {
  force(call)
  function() heed_interrupts(check_interrupt(), call)
}

# The user's own, which R signals without any content, or an inner call's end by it; not what code
# signals that only looks like one.
is_real_interrupt <- function(cnd) inherits(cnd, "lomp_interrupt") || length(unclass(cnd)) == 0L

# The value of code of the caller's that isn't what the call is about, and whose error is told at
# the end of it; NULL then. A time limit is none of its errors: it ends the call.
tolerated <- function(value, call, class, what) {
  interruptible(tryCatch(value, error = function(cnd) {
    if (is_limit(cnd)) stop(cnd)
    complain(call, class, paste0(what, ": ", reason_of(cnd, what)), cnd)
  }), call)
}

complain <- function(call, class, message, parent) {
  call$complaints <- c(call$complaints, list(new_warning(class, message, parent = parent)))
  NULL
}

new_interrupt <- function(results, plan) {
  set_results(structure(
    class = c("lomp_interrupt", "interrupt", "condition"),
    list(message = paste0("interrupted: ", tell_finished(results, plan)), call = NULL,
         results = NULL)
  ), results)
}

# Ends the call as R's own interrupt would: a handler that waits for interrupts gets it, or else the
# prompt comes back, or a script ends.
interrupt <- function(cnd) {
  signalCondition(cnd)
  cat("\n", cnd$message, "\n", sep = "", file = stderr())
  invokeRestart("abort")
}
