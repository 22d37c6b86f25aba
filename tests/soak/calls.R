# Runs a call as planned, in whichever way it is left, and keeps what came of it.

# What a call is run in: `how` it ended ("returned", "lomp", "error", "interrupt" or "left"), its
# value, the condition that it ended with, what lomp_last() had then, and what was signalled.
new_box <- function() {
  box <- new.env()
  box$heard <- box$got <- list()
  box$hows <- character()
  box$progress <- 0
  box$calls_of_progress <- 0
  box
}

run_call <- function(plan) {
  box <- new_box()
  if (plan$shape == "iterate") use_iterator(plan, box) else use_map(plan, box)
  box
}

# ---- One attempt --------------------------------------------------------------------------------

# How the code was left. Only here do interrupts come through.
attempt <- function(plan, box, code) {
  box$how <- tryCatch(
    withRestarts({
      tryCatch(allowInterrupts(with_leave(plan, box, code)), interrupt = function(cnd) {
        keep(box, cnd, "interrupt")
      })
    }, soak_leave = function() "left"),
    lomp_error = function(cnd) keep(box, cnd, "lomp"),
    error = function(cnd) keep(box, cnd, "error")
  )
  box$last <- lomp_last()
  if (!box$how %in% box$hows || box$how == "error" && length(box$ends) < 100L) {
    box$ends <- c(box$ends, list(list(how = box$how, condition = box$condition)))
  }
  box$hows <- unique(c(box$hows, box$how))
  box$how
}

keep <- function(box, cnd, how) {
  box$condition <- cnd
  how
}

with_leave <- function(plan, box, code) {
  switch(plan$leave,
    exiting = ,
    warner = tryCatch(with_ears(box, code, character()), warning = function(cnd) {
      keep(box, cnd, "left")
    }, message = function(cnd) keep(box, cnd, "left")),
    restart = with_restart(box, code),
    limit = with_limit(plan, box, code),
    warn = with_errors(box, code),
    with_ears(box, code)
  )
}

# Hears all that the call says, and silences it.
with_ears <- function(box, code, muffles = c("muffleWarning", "muffleMessage")) {
  hear <- function(cnd) {
    box$heard <- c(box$heard, list(cnd))
    if (restart_of(cnd) %in% muffles) tryInvokeRestart(restart_of(cnd))
  }
  withCallingHandlers({
    force(code)
    "returned"
  }, warning = hear, message = hear)
}

restart_of <- function(cnd) if (inherits(cnd, "warning")) "muffleWarning" else "muffleMessage"

# Leaves at the first warning or message by a restart of the caller's.
with_restart <- function(box, code) {
  leave <- function(cnd) {
    box$heard <- c(box$heard, list(cnd))
    keep(box, cnd, "left")
    invokeRestart("soak_leave")
  }
  withCallingHandlers({
    force(code)
    "returned"
  }, warning = leave, message = leave)
}

with_limit <- function(plan, box, code) {
  on.exit(setTimeLimit())
  setTimeLimit(elapsed = plan$limit, transient = TRUE)
  with_ears(box, code)
}

with_errors <- function(box, code) {
  old <- options(warn = 2)
  on.exit(options(old))
  with_ears(box, code, "muffleMessage")
}

progress_for <- function(plan, box) {
  if (plan$progress == "none") return(FALSE)
  if (plan$progress == "bar") return(TRUE)
  function(done, total) {
    box$calls_of_progress <- box$calls_of_progress + 1
    if (done < box$progress) box$is_backwards <- TRUE
    box$progress <- done
    if (box$calls_of_progress != plan$seed %% 3 + 1) return()
    if (plan$progress == "progress") stop("the progress function is soaked")
    if (plan$progress == "jumping") invokeRestart("soak_leave")
  }
}

captured <- function(plan, box, code) {
  if (!plan$captures) return(code)
  box$output <- c(box$output, utils::capture.output(value <- code))
  value
}

# ---- Maps ---------------------------------------------------------------------------------------

use_map <- function(plan, box) {
  x <- items_for(plan)
  progress <- progress_for(plan, box)
  redo <- plan$earlier
  captured(plan, box, attempt(plan, box, {
    box$value <- lomp_map(x, plan$f, .workers = plan$workers, .on_error = plan$on_error,
                          .timeout = plan$timeout, .progress = progress, .redo = redo)
  }))
}

# ---- Iterators ----------------------------------------------------------------------------------

use_iterator <- function(plan, box) {
  x <- items_for(plan)
  progress <- progress_for(plan, box)
  captured(plan, box, attempt(plan, box, {
    box$it <- lomp_iterate(x, plan$f, .workers = plan$workers, .on_error = plan$on_error,
                           .timeout = plan$timeout, .progress = progress, .ordered = plan$ordered)
  }))
  if (is.null(box$it)) return()
  captured(plan, box, switch(plan$use,
    left = consume(plan, box, plan$leaves_after),
    closed = consume(plan, box, 1),
    dropped = consume(plan, box, plan$leaves_after, closes = FALSE),
    list = consume_list(plan, box),
    consume(plan, box)
  ))
  box$it <- NULL
}

# An error ends an iterator, and so does an interrupt, but for what had come; nothing else does.
consume <- function(plan, box, most = Inf, closes = TRUE) {
  limit <- plan$n * (plan$parts + 4) + 1000
  while (length(box$got) < most && limit > 0) {
    limit <- limit - 1
    value <- take_one(plan, box)
    if (box$how == "lomp") box$thrown <- box$condition
    if (!is.null(value)) {
      if (lomp_done(value)) break
      box$got <- c(box$got, list(list(value = value, item = box$item)))
    }
    if (length(box$got) %% max(16, plan$n) == 15) do_something_else(plan, box)
    if (plan$is_slow) .C("soak_nap", 0.5 / plan$n / plan$parts)
  }
  box$is_endless <- limit == 0
  box$is_mixed <- is_mixed(box$got)
  box$is_drained <- is.infinite(most) && limit > 0
  if (!box$is_drained && closes) attempt(plan, box, box$it(close = TRUE))
  if (box$is_drained) check_end(plan, box)
}

# The next result, the end, or NULL. An interrupt may come when the result has.
take_one <- function(plan, box) {
  value <- NULL
  attempt(plan, box, {
    value <- if (plan$use == "foreach") next_element(box$it) else box$it()
  })
  if (!is.null(value)) box$item <- lomp_item(box$it)
  value
}

next_element <- function(it) {
  tryCatch(iterators::nextElem(it), error = function(cnd) {
    if (conditionMessage(cnd) == "StopIteration") lomp_done() else stop(cnd)
  })
}

# Another call in between.
do_something_else <- function(plan, box) {
  attempt(plan, box, {
    value <- lomp_map(1:3, function(i) -i, .workers = 2)
    if (!identical(value, list(-1L, -2L, -3L))) stop("the call in between is wrong")
  })
}

check_end <- function(plan, box) {
  value <- NULL
  attempt(plan, box, value <- box$it())
  box$is_over <- box$how != "returned" || lomp_done(value)
}

# What had come when as.list() was left is in the condition or lomp_last(), comes afterwards, or
# both.
consume_list <- function(plan, box) {
  attempt(plan, box, box$list <- as.list(box$it))
  if (box$how == "lomp") box$thrown <- box$condition
  values <- if (is.null(box$list)) results_of(box) else box$list
  values <- if (is.list(values)) unname(values)
  values <- Filter(function(value) !inherits(value, "lomp_not_run"), values)
  consume(plan, box)
  listed <- lapply(values, function(value) list(value = value))
  box$is_mixed <- is_mixed(listed) || is_mixed(box$got)
  again <- vapply(box$got, function(g) key_of(g$value), "")
  all <- c(Filter(function(g) !key_of(g$value) %in% again, listed), box$got)
  box$got <- all[order(vapply(all, item_of, 0))]
}

item_of <- function(g) {
  item <- if (is.list(g$value)) g$value$item
  if (length(item) == 1L) as.numeric(item) else 0
}

is_mixed <- function(got) is.unsorted(vapply(got, item_of, 0))

# Names a result, or the failure of an item.
key_of <- function(value) {
  if (is.list(value)) paste(value$item, value$part, inherits(value, "lomp_error")) else "none"
}
