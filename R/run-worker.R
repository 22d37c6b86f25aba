# What a worker calls from C++. It must not print, ask or signal anything to the outside.

# Once, before a worker's first item. Each function that is called here and each name that is used
# costs more than what is done: R counts references where the objects are, and each page of memory
# that is written to is copied. The parent's time limit and error handler aren't the worker's;
# without an error option, R would end a process that isn't interactive at its first stray error.
prepare_worker <- function() {
  setTimeLimit()
  setSessionTimeLimit()
  options(error = expression(NULL), device = null_device)
  # The caller's sinks belong to its process; what is on top of them goes to this one's console.
  if (the$has_sink) sink(getConnection(1L))
  if (the$has_message_sink) sink(type = "message")
}

# What is drawn without a device goes nowhere: all items would write to the same Rplots.pdf, and the
# device of a front end's needs its parent.
null_device <- function(...) grDevices::pdf(NULL)

# What workers need to know of the session; found out here, where that is cheaper.
note_session <- function() {
  the$error_message <- geterrmessage()
  the$has_sink <- has_sink()
  the$has_message_sink <- has_message_sink()
}

# Where output goes now; sink.number() takes far longer to tell.
has_sink <- function() stdout() != 1L

# Messages that go to standard output can go on doing so, and else there is a connection.
has_message_sink <- function() {
  length(getAllConnections()) > 3L && sink.number(type = "message") > 2L
}

# Workers call these first of all. R loads functions, its own and a package's, when they are first
# called: once here is better than once in each worker.
warm_worker <- function() {
  list(gc, geterrmessage, setTimeLimit, setSessionTimeLimit, options, sink, getConnection,
       tryCatch, withCallingHandlers, child_items, child_fail, child_relay, child_seconds,
       fail_item, note_calls, item_frames, place_of, describe_failure, relay_condition,
       send_condition, is_to_be_error, muffling_restart, named_restart, computeRestarts,
       light_condition, null_device)
}

# R compiles a function when it is called for the second time, which each worker would do for
# itself. So it is compiled here, unless it is already or the user has switched that off. The last
# one is remembered, since calls in a loop have the same one; but only if its environment is there
# anyway, so that nothing is kept alive by this.
compiled <- function(f) {
  if (!is_uncompiled(f)) return(f)
  if (is_same_object(f, the$uncompiled)) return(the$compiled)
  if (compiler::enableJIT(-1L) < 1L) return(f)
  if (identical(f, the$uncompiled, ignore.bytecode = FALSE, ignore.srcref = FALSE)) {
    return(the$compiled)
  }
  code <- tryCatch(compiler::cmpfun(f), error = function(cnd) f)
  if (identical(environment(f), globalenv())) {
    the$uncompiled <- f
    the$compiled <- code
  }
  code
}

# What workers call for each item, found as fast as can be: else R would look for `[[` in the
# package's namespace and in its imports, each time.
ready_frame <- function(frame) {
  frame$FUN <- compiled(frame$FUN)
  frame$`[[` <- `[[`
}

max_calls <- 50L

# The numbers of the frames of the item in hand, innermost last.
item_frames <- function() {
  calls <- as.list(sys.calls())
  base <- max(the$base, Position(is_worker_call, calls, right = TRUE, nomatch = 0L))
  frames <- seq_along(calls)[-seq_len(base)]
  begin <- Position(is_item_call, calls[frames])
  if (is.na(begin)) return(integer())
  frames <- frames[seq.int(begin, length(frames))]
  is_end <- function(call) is_handler_call(call) || is_inner_call(call)
  end <- Position(is_end, calls[frames], nomatch = length(frames) + 1L)
  utils::tail(frames[seq_len(end - 1L)], max_calls)
}

item_calls <- function() texts_of(item_frames())

# The calls of these frames as text: bounded in number and length, since they may hold whole data
# sets.
texts_of <- function(frames) vapply(frames, function(frame) one_line(sys.call(frame)), "")

is_item_call <- function(call) {
  identical(call, item_call) || identical(call, emitting_call)
}

# Below this call are the worker's own frames, above it those that its parent had at the fork.
worker_call <- quote(child_items(run))

is_worker_call <- function(call) identical(call, worker_call)

# Where a call within the item begins that is lomp's, whose error has calls of its own.
is_inner_call <- function(call) {
  identical(call, quote(run_map(plan, environment())))
}

# Where R's own signalling of an error begins. A function itself, not its name, is also what
# do.call() may call, but hardly with a condition alone.
is_handler_call <- function(call) {
  if (!is.call(call)) return(FALSE)
  identical(call[[1L]], quote(.handleSimpleError)) ||
    is.function(call[[1L]]) && length(call) == 2L && inherits(call[[2L]], "condition")
}

one_line <- function(call) {
  text <- deparse(call, width.cutoff = 60L, nlines = 2L)
  shorten(if (length(text) > 1L) paste(trimws(text[[1L]], "right"), "...") else text)
}

# What is sent of a failed item that has run for so long. `noted` is what was noted where it failed,
# see note_calls(). Without a condition it left by a jump, after which R's last error message, if
# there is one, says most.
describe_failure <- function(condition, noted, seconds = NA_real_) {
  if (is.null(condition)) condition <- jump_condition()
  description <- list(
    condition = light_condition(without_own_call(condition)), calls = as.character(noted$calls),
    time = proc.time()[["elapsed"]], seconds = seconds
  )
  c(description, noted[-1L])
}

jump_condition <- function() {
  said <- geterrmessage()
  if (identical(said, the$error_message)) said <- ""
  the$error_message <- geterrmessage()
  said <- trimws(sub("^Error[^:]*: *", "", said))
  message <- "`.f` was left by a jump that is no error (a restart, an interrupt or the like)"
  if (nzchar(said)) message <- paste0(message, "; the last error message was: ", said)
  simpleError(message)
}

# Runs the worker's items below one handler for all that they signal, since each one takes time to
# set up, and one for errors, which leaves the item. C++ calls it again after an item that failed.
# An error's frames are noted where they still are.
run_items <- function(run, relay = relay_condition, note = note_calls) {
  noted <- NULL
  tryCatch(
    withCallingHandlers(child_items(run), condition = function(cnd) {
      if (!inherits(cnd, "error")) return(relay(cnd, run))
      signaller <- sys.nframe() - 1L
      way <- way_of_error(cnd, signaller)
      if (is.null(way)) noted <<- note(cnd) else relay_error(cnd, way, signaller, run)
    }),
    error = function(cnd) fail_item(cnd, run, noted)
  )
}

# The calls that led to an item's error, and where these are. There may be too many of them to look
# at. The calls are the first element.
note_calls <- function(cnd) {
  tryCatch({
    frames <- item_frames()
    places <- vapply(frames, place_of, "")
    c(list(calls = texts_of(frames)), if (any(nzchar(places))) list(places = places))
  }, error = function(cnd) NULL)
}

# Where a frame's call is in its source, "file.R:12". Of one that isn't known, the package that the
# called function is of, "[stats]"; else "". An item's own call is lomp's: what tells of that is the
# place of its function.
place_of <- function(frame) {
  call <- sys.call(frame)
  called <- sys.function(frame)
  source <- attr(if (is_item_call(call)) called else call, "srcref", exact = TRUE)
  place <- if (is.null(source)) "" else place_of_source(source)
  if (nzchar(place)) place else package_of(called)
}

place_of_source <- function(source) {
  file <- attr(source, "srcfile", exact = TRUE)$filename
  if (!is.character(file) || length(file) != 1L || !nzchar(file)) return("")
  paste0(shorten(basename(file)), ":", source[[1L]])
}

package_of <- function(f) {
  if (is.null(environment(f))) return("")
  home <- topenv(environment(f))
  if (isNamespace(home)) sprintf("[%s]", getNamespaceName(home)) else ""
}

# When the item is left, and has said all that it had to say on its way out.
fail_item <- function(cnd, run, noted) {
  child_fail(run, describe_failure(cnd, noted, child_seconds(run)))
  the$error_message <- geterrmessage()  # said: it isn't a later item's
}

# An argument in `...` that has failed in this process is evaluated again by an item that uses it. R
# warns of that, which says nothing of the item: lapply's first one is the first to evaluate it.
relay_retrying <- function(cnd, run) {
  muffle_retry(cnd)
  relay_condition(cnd, run)
}

# What a worker calls, with what it makes of conditions.
runner_of <- function(plan, note) {
  relay <- plan$relay
  if (is.null(relay) && plan$retries_dots) relay <- relay_retrying
  if (is.null(note) && is.null(relay)) return(run_items)
  if (is.null(relay)) relay <- relay_condition
  if (is.null(note)) note <- note_calls
  function(run) run_items(run, relay, note)
}

muffle_retry <- function(cnd) {
  is_retry <- inherits(cnd, "warning") && identical(conditionMessage(cnd), retry_message())
  if (is_retry) tryInvokeRestart("muffleWarning")
}

retry_message <- function() gettext("restarting interrupted promise evaluation", domain = "R")

# What C++ calls of R's: in a worker the first three, in this process the next three, in both the
# last.
item_hooks <- function(state) {
  plan <- state$plan
  note <- if (!is.null(plan$frames)) new_frame_notes(plan$frames)
  list(prepare = prepare_worker, run = runner_of(plan, note),
       describe = describe_failure, observe = observe_collections,
       hear = if (is.null(note)) hear_error else new_hearing(note),
       describe_here = function(cnd) describe_thrown(cnd, state),
       refuse = if (!is.null(plan$value)) new_refusal(plan))
}
