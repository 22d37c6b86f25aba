# The functions that a call applies, the items that it is given, and where these come from.

note <- function(kind, item, part = 0) {
  .C("ledger_note", kind, as.integer(item), as.integer(part))
  invisible()
}

# An item says its number, whatever it is.
index_of <- function(x) as.numeric(unlist(x, use.names = FALSE)[[1L]])

# ---- What .f is ---------------------------------------------------------------------------------

work_for <- function(plan, i) {
  if (plan$pause > 0) Sys.sleep(plan$pause * (hash_of(plan$seed, i, 5) %% 100) / 50)
}

# A faulty item spoils its result before it is made or right afterwards.
new_item <- function(plan) {
  force(plan)
  function(x) {
    i <- index_of(x)
    note("b", i)
    is_late <- hash_of(plan$seed, i, 6) %% 2 == 0
    if (!is_late) commit_fault(plan, i)
    work_for(plan, i)
    value <- if (plan$shape == "iterate") part_of(plan, i, 1) else value_of(plan, i)
    if (is_late) commit_fault(plan, i)
    if (is_pointer(plan, i)) value <- list(i, dead_thing())
    note("e", i)
    value
  }
}

is_pointer <- function(plan, i) identical(comes_of(plan, i), "pointer")

# An external pointer; it arrives as a null one.
dead_thing <- function() getNativeSymbolInfo("fault_spin")$address

# How many results an item of an iterator has.
parts_of <- function(plan, i) {
  if (plan$gives == "plain") 1 else hash_of(plan$seed, i, 8) %% (plan$parts + 1)
}

# The part before which an item's fault comes, or after all of them.
faulty_part <- function(plan, i) {
  if (plan$gives == "plain") return(1)
  hash_of(plan$seed, i, 9) %% (parts_of(plan, i) + 1) + 1
}

# An end marker isn't for items to give.
part_of <- function(plan, i, part) {
  is_end <- identical(fault_of(plan, i), "end") && part == faulty_part(plan, i)
  if (is_end) lomp_done() else value_of(plan, i, part)
}

new_emitting <- function(plan) {
  force(plan)
  function(x, emit) {
    i <- index_of(x)
    note("b", i)
    work_for(plan, i)
    count <- parts_of(plan, i)
    for (part in seq_len(count + 1)) {
      if (part == faulty_part(plan, i)) {
        commit_fault(plan, i)
        emit_nothing(plan, i, emit)
      }
      if (part <= count) {
        emit(part_of(plan, i, part))
        note("m", i, part)
      }
    }
    note("e", i)
  }
}

# After an emit() that fails, what an item says is still heard.
emit_nothing <- function(plan, i, emit) {
  if (!identical(fault_of(plan, i), "unsent")) return()
  try(emit(stop("unsent")), silent = TRUE)
  message("soaked ", i)
}

# A part is noted when the generator goes on after it.
new_yielding <- function(plan) {
  force(plan)
  generate <- coro::generator(function(i) {
    note("b", i)
    work_for(plan, i)
    count <- parts_of(plan, i)
    part <- 1
    while (part <= count + 1) {
      if (part == faulty_part(plan, i)) commit_fault(plan, i)
      if (part <= count) {
        yield(value_of(plan, i, part))
        note("m", i, part)
      }
      part <- part + 1
    }
    note("e", i)
  })
  function(x) generate(index_of(x))
}

function_of <- function(plan) {
  if (plan$shape != "iterate") return(new_item(plan))
  switch(plan$gives, plain = new_item(plan), emit = new_emitting(plan),
         generator = new_yielding(plan))
}

# ---- What .x is ---------------------------------------------------------------------------------

items_for <- function(plan) {
  if (plan$is_stream) return(producer_for(plan))
  x <- switch(plan$shape,
    list = lapply(seq_len(plan$n), function(i) list(i, letters)),
    frame = as.data.frame(matrix(rep(seq_len(plan$n), each = 3), 3)),
    object = structure(list(seq_len(plan$n)), class = "soaked_items"),
    seq_len(plan$n)
  )
  if (plan$has_names) names(x) <- paste0("name", seq_len(plan$n))
  x
}

as.list.soaked_items <- function(x, ...) as.list(unclass(x)[[1L]]) # nolint: object_name_linter.

# An item of a stream; some are large.
stream_item <- function(plan, i) list(i, raw(bytes_of(plan$seed, i + 5e5, plan$bytes)))

# What a producer does before its i-th item.
before_item <- function(plan, i) {
  if (plan$leave == "producer" && i == plan$fails_at) stop("the producer is soaked")
  if (plan$leave == "warner" && i %% 3 == 0 && is_first(plan$warned, i)) {
    warning("a producer's warning")
  }
  note("p", i)
}

# After a jump a producer is asked for the same item again.
is_first <- function(seen, i) {
  name <- as.character(i)
  if (exists(name, seen)) return(FALSE)
  assign(name, TRUE, seen)
  TRUE
}

producer_for <- function(plan) {
  if (plan$leave == "closing") return(new_closing_producer(plan))
  switch(plan$producer,
    "function" = new_producer(plan), "closing function" = new_closing_producer(plan),
    generator = new_generator(plan), iterator = new_iterators_iterator(plan)
  )
}

new_producer <- function(plan) {
  i <- 0
  function() {
    if (i == plan$n) return(lomp_done())
    before_item(plan, i + 1)
    item <- stream_item(plan, i + 1)
    i <<- i + 1  # last of all: a time limit may be over anywhere before
    item
  }
}

new_closing_producer <- function(plan) {
  pull <- new_producer(plan)
  function(close = FALSE) {
    if (!close) return(pull())
    note("c", 0)
    if (plan$leave == "closing") stop("the producer's close() is soaked")
  }
}

new_generator <- function(plan) {
  generate <- coro::generator(function() {
    for (i in seq_len(plan$n)) {
      before_item(plan, i)
      yield(stream_item(plan, i))
    }
  })
  generate()
}

new_iterators_iterator <- function(plan) {
  pull <- new_producer(plan)
  structure(class = c("abstractiter", "iter"), list(nextElem = function() {
    item <- pull()
    if (lomp_done(item)) stop("StopIteration", call. = FALSE)
    item
  }))
}
