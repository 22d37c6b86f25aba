# The conditions that lomp signals. Each has a class of its own, and fields for programs.

# `got` is what was given, in words; `why` is the error that told that it won't do.
stop_argument <- function(argument, takes, got = NULL, why = NULL) {
  message <- sprintf("`%s` %s", argument, takes)
  if (!is.null(got)) message <- sprintf("%s, not %s", message, got)
  if (!is.null(why)) message <- sprintf("%s: %s", message, shorten(message_of(why), 300L))
  stop(structure(
    class = c("lomp_argument_error", "error", "condition"),
    list(message = message, call = NULL, argument = argument, parent = why)
  ))
}

# `needs` is what can't do without the package.
stop_package <- function(needs, package, why = "which isn't installed") {
  stop(structure(
    class = c("lomp_package_error", "error", "condition"),
    list(message = sprintf("%s needs the package %s, %s", needs, package, why), call = NULL,
         package = package)
  ))
}

# A condition's message as one text, whatever its class makes of it.
message_of <- function(condition) {
  message <- tryCatch(as.character(conditionMessage(condition)), error = function(cnd) {
    paste("its conditionMessage() failed:", cnd$message)
  })
  paste(message, collapse = "\n")
}

# `seconds` is how long the item had run.
new_failure <- function(class, message, item, name, parent, calls, time, ..., seconds = NA_real_) {
  structure(
    class = unique(c(class, "lomp_error", "error", "condition")),
    list(
      message = message, call = NULL, item = item, name = name, parent = parent, calls = calls,
      time = time, seconds = seconds, results = NULL, ...
    )
  )
}

# An item whose function failed. `description` is NULL where not even that could be sent.
new_item_error <- function(item, description, plan) {
  if (is.null(description)) {
    description <- describe_failure(simpleError("the error could not be described"), NULL)
  }
  parent <- description$condition
  if (is_time_limit(parent, plan)) return(new_timeout(item, plan))
  call <- tryCatch(conditionCall(parent), error = function(cnd) NULL)
  label <- paste0(item_label(item, plan), ": ")
  call <- if (is.null(call)) "" else paste0("\nin ", one_line(call))
  hint <- hint_at_emit(parent, plan)
  message <- paste0(label, reason_of(parent, label, hint, call), hint, call)
  failure <- new_failure("lomp_error", message, item, item_name(item, plan), parent,
                         description$calls, description$time, seconds = description$seconds)
  for (known in c("places", "frames")) failure[[known]] <- description[[known]]
  failure
}

# An item's function that calls emit() without having it as an argument.
hint_at_emit <- function(cnd, plan) {
  missed <- gettextf("could not find function \"%s\"", "emit", domain = "R")
  if (isTRUE(plan$emits) || !identical(message_of(cnd), missed)) return("")
  ": lomp_iterate() gives it to a function that has an argument `emit`"
}

# Of an error R shows so many bytes only, and what there is to be done comes last: the message of
# `cnd` gets the room that is left beside the texts around it and what is said of the rest.
reason_of <- function(cnd, ...) {
  said <- sum(nchar(c(...), "bytes"))
  shorten_bytes(message_of(cnd), max(100, getOption("warning.length") - said - 160),
                "... (all of it is in the field `parent`)")
}

# At most so many bytes of it, and `mark` where that isn't all.
shorten_bytes <- function(text, most, mark = "...") {
  text <- as_text(text)
  if (nchar(text, "bytes") <= most) return(text)
  begin <- substr(text, 1L, most)
  sizes <- nchar(strsplit(begin, "")[[1L]], "bytes")
  paste0(substr(begin, 1L, sum(cumsum(sizes) <= most)), mark)
}

# In this process an item's time is limited by R's own means.
is_time_limit <- function(cnd, plan) {
  isTRUE(plan$timeout < Inf) && plan$workers == 0L &&
    identical(message_of(cnd), gettext(time_limits[[1L]], domain = "R"))
}

exit_reasons <- c(
  "called quit()", "called exit() in C code", "could not write its results",
  "gave a result that doesn't fit into this process's memory",
  "closed or damaged the pipe of its results, and was ended",
  "was killed and does not end (held by the system or a debugger)"
)

# An item whose worker died. `loss` is what describe_loss() in C++ gives.
new_crash <- function(item, loss, plan) {
  if (loss[["late"]]) return(new_timeout(item, plan))
  how <- describe_death(loss)
  new_failure("lomp_crash", paste0(item_label(item, plan), ": ", how), item, item_name(item, plan),
              simpleError(how), character(), proc.time()[["elapsed"]],
              signal = signal_of(loss), status = loss[["status"]], pid = loss[["pid"]],
              seconds = seconds_until_loss(loss, plan))
}

# A session that doesn't wait for its workers all the time hears of a death late.
seconds_until_loss <- function(loss, plan) {
  if (isTRUE(plan$is_map) && is.null(plan$source)) loss[["ran"]] / 1000 else NA_real_
}

new_timeout <- function(item, plan) {
  how <- sprintf("it took longer than %s s", format(plan$timeout, scientific = FALSE))
  new_failure("lomp_timeout", paste0(item_label(item, plan), ": ", how), item,
              item_name(item, plan), simpleError(how), character(), proc.time()[["elapsed"]],
              timeout = plan$timeout, seconds = plan$timeout)
}

signal_of <- function(loss) {
  if (loss[["signal"]] > 0L) signal_name(loss[["signal"]]) else NA_character_
}

describe_death <- function(loss) {
  if (loss[["reason"]] > 0L) return(paste("its worker", exit_reasons[[loss[["reason"]]]]))
  signal <- signal_of(loss)
  if (is.na(signal) && is.na(loss[["status"]])) {
    return("its worker ended; how is not known, since SIGCHLD is ignored in this session")
  }
  if (is.na(signal)) return(sprintf("its worker ended with status %d", loss[["status"]]))
  hint <- if (signal == "SIGKILL") " (by the system, if memory had run out)" else ""
  sprintf("its worker was killed by %s%s", signal, hint)
}

# The call was left by a jump that is not of lomp's making: all that it had finished is in there.
new_left <- function(results, plan) {
  message <- paste0("the call was left before it returned: ", tell_finished(results, plan))
  left <- new_failure("lomp_left", message, NA_real_, NULL, NULL, character(),
                      proc.time()[["elapsed"]])
  set_results(left, results)
}

# The call has returned its results, which can't hold the failures.
new_collected <- function(failures, results, plan) {
  message <- paste0(tell_failed(failures, plan), "\n", tell_finished(results, plan))
  collected <- new_failure("lomp_collected", message, NA_real_, NULL, NULL, character(),
                           proc.time()[["elapsed"]])
  set_results(collected, results)
}

new_not_run <- function(plan) {
  new_failure("lomp_not_run", "not run to its end: the call was over before", NA_real_, NULL, NULL,
              character(), NA_real_, seed = plan$random$seed)
}

# The item was left half-way.
new_cut <- function(item, plan) {
  cut <- new_not_run(plan)
  cut$item <- item_at(item, plan)
  cut
}

# No worker can be had: the whole call is over.
new_fork_error <- function(loss, plan) {
  message <- if (loss[["errno"]] != 0L) {
    paste("can't fork a worker:", errno_text(loss[["errno"]]))
  } else {
    paste("two workers in a row died before they began an item: the last one", sub(
      "^its worker ", "", describe_death(loss)
    ))
  }
  new_failure("lomp_fork_error", message, NA_real_, NULL, NULL, character(),
              proc.time()[["elapsed"]])
}

# The producer of a stream of items failed: the call is over.
new_source_error <- function(cnd) {
  what <- "the producer of the items failed: "
  new_failure("lomp_source_error", paste0(what, reason_of(cnd, what)), NA_real_, NULL, cnd,
              character(), proc.time()[["elapsed"]])
}

item_name <- function(item, plan) {
  name <- plan$names[item]
  if (has_text(name)) name
}

item_label <- function(item, plan) label_of(item, item_name(item, plan))

label_of <- function(item, name) {
  label <- paste("item", format_count(item))
  if (is.null(name)) label else sprintf("%s (%s)", label, encodeString(shorten(name), quote = "\""))
}

# Text that others have made has no bounds.
shorten <- function(text, most = 100L) {
  text <- as_text(text)
  if (nchar(text, "chars") <= most) return(text)
  paste0(substr(text, 1L, most), "...")
}

# Bytes that are no characters of this encoding are shown as "\\xff", in which all functions agree.
as_text <- function(text) {
  if (validEnc(text) && Encoding(text) != "bytes") return(text)
  Encoding(text) <- "bytes"
  encodeString(text)
}

# What an item has said, said again in this process; a bar gets out of the way.
say_again <- function(event, item, progress) {
  if (!is.null(progress)) progress$clear()
  if (event$kind == "output") return(write_again(event$value))
  sent <- event$value
  sent$condition <- without_own_call(sent$condition)
  signal_again(sent, item)
}

# Bytes that an item has written to standard output; R can't show those that are 0.
write_again <- function(bytes) cat(rawToChar(bytes[bytes != as.raw(0L)]))

# "3, 17, 42": as many as a message has room for.
format_items <- function(items, most = 10L) {
  text <- paste(format_count(utils::head(items, most)), collapse = ", ")
  if (length(items) > most) paste0(text, ", ...") else text
}

# One of those that a call gives at its end.
new_warning <- function(class, message, ...) {
  structure(
    class = c(class, "warning", "condition"),
    list(message = message, call = NULL, results = NULL, ...)
  )
}

warning_of_failures <- function(failures, plan) {
  list(new_warning("lomp_failed", items = items_of(failures),
                   message = tell_failed(failures, plan)))
}

items_of <- function(failures) sort(vapply(failures, function(f) f$item, 0))

tell_failed <- function(failures, plan) {
  items <- items_of(failures)
  first <- failures[[which.min(vapply(failures, function(f) f$item, 0))]]
  sprintf(
    "%s of %s items failed (%s)%s: %s", format_count(length(items)), format_count(plan$n),
    format_items(items), if (length(items) > 1L) "; the first" else "",
    in_a_line(if (is.null(first$parent)) first else first$parent)
  )
}

# What a condition says, with the room that a list of several has for it.
in_a_line <- function(cnd) {
  shorten(gsub("[[:space:]]+", " ", trimws(as_text(message_of(cnd)))), 200L)
}

warning_of_refused_fork <- function(summary, plan) {
  if (summary$forks == 0L || summary$forks >= plan$workers) return()
  list(new_warning("lomp_fewer_workers", workers = summary$forks, message = sprintf(
    "only %d of %d workers could be forked (%s): the call went on with fewer",
    summary$forks, plan$workers, errno_text(summary$refused)
  )))
}

# `classes` are those of the objects that hold them, "" where there is none.
warning_of_dead_references <- function(items, classes, plan) {
  first <- which(!duplicated(items))
  first <- first[order(items[first])]
  items <- unname(items[first])
  classes <- classes[first]
  list(new_warning("lomp_dead_reference", items = items, classes = classes, message = sprintf(
    "the result of %s%s holds %s: an external pointer in it is dead",
    item_label(items[[1L]], plan),
    if (length(items) > 1L) sprintf(" (and of %d more)", length(items) - 1L) else "",
    describe_holder(classes[[1L]])
  )))
}

describe_holder <- function(class) {
  if (!nzchar(class)) return("what may not work in this process")
  sprintf("an object of class %s, which may not work in this process",
          encodeString(shorten(class), quote = "\""))
}

warning_of_silence <- function() {
  list(new_warning("lomp_nothing_emitted", message = paste(
    "no item has emitted anything: what `.f` returns is ignored where it has an argument `emit`,",
    "so each result must be passed to emit()"
  )))
}

# Of an iterator whose results are asked for after an interrupt.
warning_of_interrupt <- function(summary) {
  list(new_warning("lomp_interrupted", message = sprintf(
    "the iterator was interrupted: %s of %s items were finished",
    format_count(summary$done), format_count(summary$given)
  )))
}
