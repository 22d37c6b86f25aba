# Did a call keep lomp's promises? What it didn't is a list of findings, each of a kind: "wrong",
# "lost" or "twice", and in words.

new_findings <- function() {
  findings <- new.env()
  findings$list <- list()
  findings$add <- function(kind, ...) {
    findings$list <- c(findings$list, list(list(kind = kind, text = paste0(...))))
  }
  findings
}

deadly_signals <- c(6L, 9L, 11L, 15L)

# What happened, as the ledger and the sender of signals tell.
read_history <- function(plan, ledger, sent) {
  rows <- read_ledger(ledger)
  begins <- rows[rows$kind == "b", ]
  history <- list(
    rows = rows, begins = begins, ended = unique(rows$item[rows$kind == "e"]),
    parts = rows[rows$kind == "m", ], faulty = rows[rows$kind == "f", ],
    produced = length(unique(rows$item[rows$kind == "p"])),
    # The item that each process has begun last: its result may be on its way when it ends.
    last = tapply(begins$item, begins$pid, function(items) items[[length(items)]]),
    killed = sent$pid[!sent$to_session & sent$signal %in% deadly_signals],
    prodded = sent$pid[!sent$to_session & sent$signal == tools::SIGINT],
    interrupts = sum(sent$to_session & sent$signal == tools::SIGINT)
  )
  spoils <- vapply(history$faulty$item, function(i) comes_of(plan, i) == "pipe", NA)
  history$spoiled <- history$faulty[spoils, ]
  history
}

read_ledger <- function(path) {
  columns <- list(kind = "", item = 0, part = 0, pid = 0L, time = 0)
  if (!file.exists(path)) return(as.data.frame(columns)[0, ])
  as.data.frame(scan(path, columns, quiet = TRUE))
}

process_of <- function(history, i) {
  pids <- history$begins$pid[history$begins$item == i]
  if (length(pids) == 0L) 0L else pids[[length(pids)]]
}

# Might the item's end have been noted, and its result still have been underway?
is_underway <- function(history, i) i %in% history$last

is_spoiled <- function(history, i) {
  any(history$begins$pid[history$begins$item == i] %in% history$spoiled$pid)
}

# ---- How it ended -------------------------------------------------------------------------------

judge_end <- function(plan, box, history, findings) {
  for (end in box$ends) {
    ok <- switch(end$how,
      returned = TRUE,
      left = plan$leave %in% c("exiting", "restart", "jumping", "warner"),
      interrupt = history$interrupts > 0,
      error = is_expected_error(plan, end$condition),
      lomp = TRUE
    )
    if (!ok) findings$add("wrong", "ended by ", end$how, ": ", said(end$condition))
  }
  if (isTRUE(box$is_endless)) findings$add("wrong", "the iterator doesn't end")
  if (isFALSE(box$is_over)) findings$add("wrong", "the iterator goes on after its end")
  if (isTRUE(box$is_backwards)) findings$add("wrong", "the progress goes backwards")
}

said <- function(cnd) {
  if (is.null(cnd)) return("nothing")
  paste0("<", class(cnd)[[1L]], "> ", substr(paste(conditionMessage(cnd), collapse = " "), 1, 200))
}

is_expected_error <- function(plan, cnd) {
  text <- switch(plan$leave,
    limit = "reached elapsed time limit", warn = "(converted from warning)",
    producer = "the producer is soaked"
  )
  !is.null(text) && grepl(text, conditionMessage(cnd), fixed = TRUE)
}

# An item that failed, or the call as a whole: is that how its fault comes out?
is_explained <- function(plan, history, cnd) {
  i <- cnd$item
  if (is.na(i)) return(is_explained_end(plan, history, cnd))
  comes <- comes_of(plan, i)
  pids <- history$begins$pid[history$begins$item == i]
  if (inherits(cnd, "lomp_timeout")) {
    return(is.finite(plan$timeout) &&
             (!i %in% history$ended || is_underway(history, i) || plan$workers == 0))
  }
  if (any(c(pids, cnd$pid) %in% history$killed) || is_spoiled(history, i)) return(TRUE)
  if (inherits(cnd, "lomp_crash")) return(comes == "crash")
  # An item may be hit before it has noted its begin.
  if (any(pids %in% history$prodded) || length(pids) == 0L && length(history$prodded) > 0L) {
    return(TRUE)
  }
  if (comes != "error") return(FALSE)
  fault_of(plan, i) != "classed" || identical(cnd$parent$payload, i)
}

is_explained_end <- function(plan, history, cnd) {
  if (inherits(cnd, "lomp_fork_error")) return(length(history$killed) > 1)
  inherits(cnd, "lomp_source_error") && plan$leave %in% c("producer", "warner", "limit")
}

judge_failure <- function(plan, history, cnd, findings) {
  if (is_explained(plan, history, cnd)) return()
  findings$add("lost", "unexplained (", comes_of(plan, cnd$item), "): ", said(cnd))
}

# ---- What is there twice ------------------------------------------------------------------------

# An item is begun again only where its worker's channels were ruined.
judge_begins <- function(history, findings, redone = numeric()) {
  begun <- history$begins
  for (i in unique(begun$item[duplicated(begun$item)])) {
    if (!is_spoiled(history, i)) {
      findings$add("twice", "item ", i, " was begun by ",
                   toString(begun$pid[begun$item == i]))
    }
  }
  for (i in setdiff(begun$item, if (length(redone) > 0) redone else begun$item)) {
    findings$add("twice", "item ", i, " was done already")
  }
}

# What items say is heard once.
judge_words <- function(plan, box, history, findings) {
  heard <- lapply(box$heard, function(cnd) {
    if (grepl("^soaked [0-9]+", conditionMessage(cnd))) trimws(conditionMessage(cnd))
  })
  heard <- as.character(unlist(heard))
  items <- as.numeric(sub("soaked ", "", heard))
  for (i in unique(items[duplicated(items)])) {
    if (!is_spoiled(history, i)) findings$add("twice", "item ", i, " was heard twice")
  }
  if (!all(box$hows == "returned") || isFALSE(box$is_drained)) return()
  speak <- Filter(function(i) isTRUE(fault_of(plan, i) %in% c("warning", "message", "unsent")),
                  setdiff(history$ended, history$last))
  for (i in setdiff(speak, items)) {
    if (!is_spoiled(history, i)) findings$add("lost", "item ", i, " wasn't heard")
  }
}

# What items print is there once, where somebody listens. What compiled code and programs print may
# come late, and so be lost with the worker.
judge_output <- function(plan, box, history, findings) {
  is_whole <- all(box$hows == "returned") && !isFALSE(box$is_drained)
  if (!plan$captures || !is_whole || "mess" %in% plan$menu) return()
  comes <- vapply(plan$menu, function(name) faults[[name]]$comes, "")
  is_quiet <- length(history$killed) == 0L && all(comes %in% c("none", "error", "warning"))
  printing <- c("output", if (is_quiet) c("print", "echo"))
  items <- as.numeric(sub("^out ", "", grep("^out [0-9]+$", box$output, value = TRUE)))
  for (i in setdiff(history$ended, history$last)) {
    times <- sum(items == i)
    if (times > 1 && !is_spoiled(history, i)) findings$add("twice", "output of item ", i)
    if (times == 0 && isTRUE(fault_of(plan, i) %in% printing) && !is_spoiled(history, i)) {
      findings$add("lost", "output of item ", i)
    }
  }
}

# ---- Maps ---------------------------------------------------------------------------------------

# The results, wherever the call has left them.
results_of <- function(box) {
  if (!is.null(box$value) || box$how == "returned") return(box$value)
  results <- box$condition$results
  if (is.list(results)) results else box$last$results
}

judge_map <- function(plan, box, history, findings) {
  # An interrupt may come when the caller has the list already.
  if (!is.null(box$value)) box$how <- "returned"
  judge_end(plan, box, history, findings)
  judge_begins(history, findings, plan$todo)
  judge_words(plan, box, history, findings)
  judge_output(plan, box, history, findings)
  results <- results_of(box)
  if (box$how == "lomp") judge_failure(plan, history, box$condition, findings)
  judge_last(box, results, findings)
  judge_length(plan, box, results, history, findings)
  n <- if (plan$is_stream) max(history$produced, length(results)) else plan$n
  for (i in seq_len(n)) judge_item(plan, box, history, results, i, findings)
}

closing_warnings <- c("lomp_failed", "lomp_dead_reference", "lomp_fewer_workers")

# What lomp_last() has is what the condition has, and nothing where all went well.
judge_last <- function(box, results, findings) {
  if (box$how == "returned") {
    if (!is.null(box$last)) findings$add("wrong", "lomp_last() is ", said_of_last(box$last))
    return()
  }
  if (inherits(box$condition, "lomp_error") && !identical(box$last, box$condition)) {
    findings$add("wrong", "lomp_last() isn't the condition ", said(box$condition))
  }
  if (inherits(box$condition, closing_warnings) && !is.list(box$condition$results)) {
    findings$add("lost", "no results in ", said(box$condition))
  }
  if (!is.null(results) && !identical(results, box$last$results)) {
    findings$add("lost", "lomp_last() has other results than ", said(box$condition))
  }
}

judge_length <- function(plan, box, results, history, findings) {
  if (is.null(results)) return()
  expected <- if (!plan$is_stream) plan$n else if (box$how == "returned") history$produced
  if (!is.null(expected) && length(results) != expected) {
    findings$add("lost", length(results), " results instead of ", expected)
  }
  if (!identical(names(results), if (plan$has_names) names(items_for(plan)))) {
    findings$add("wrong", "names")
  }
}

judge_item <- function(plan, box, history, results, i, findings) {
  is_there <- i <= length(results)
  value <- if (is_there) results[[i]]
  if (!is_there || inherits(value, "lomp_not_run")) {
    return(judge_missing(plan, box, history, i, findings))
  }
  if (inherits(value, "lomp_error")) {
    if (box$how == "returned" && plan$on_error == "stop") findings$add("wrong", "failed: item ", i)
    return(judge_failure(plan, history, value, findings))
  }
  if (plan$redone && !i %in% plan$todo) {
    if (!identical(value, plan$earlier[[i]])) findings$add("wrong", "item ", i, " isn't as it was")
    return()
  }
  if (!i %in% history$ended) findings$add("wrong", "item ", i, " has a result, but no end")
  if (!is_right(plan, i, value)) {
    findings$add("wrong", "item ", i, " is ", in_short(value), " and not ",
                 in_short(value_of(plan, i)))
  }
}

is_right <- function(plan, i, value) {
  comes <- comes_of(plan, i)
  if (comes == "pointer") return(identical(value[[1L]], as.numeric(i)))
  comes %in% c("none", "pipe") && identical(value, value_of(plan, i))
}

in_short <- function(value) {
  text <- paste(utils::capture.output(utils::str(value, list.len = 4)), collapse = " ")
  substr(text, 1, 150)
}

judge_missing <- function(plan, box, history, i, findings) {
  if (box$how == "returned") {
    findings$add("lost", "item ", i, " is missing in the list")
  } else if (i %in% history$ended && !is_underway(history, i) && !is_spoiled(history, i)) {
    findings$add("lost", "item ", i, " had ended in ", process_of(history, i), " (", box$how,
                 " by ", said(box$condition), "; lomp_last() is ", said_of_last(box$last), ")")
  } else if (plan$redone && !i %in% plan$todo) {
    findings$add("lost", "item ", i, " was there before the redo")
  }
}

said_of_last <- function(last) if (is.null(last)) "NULL" else class(last)[[1L]]

# ---- Iterators ----------------------------------------------------------------------------------

judge_iterator <- function(plan, box, history, findings) {
  judge_end(plan, box, history, findings)
  judge_begins(history, findings)
  judge_words(plan, box, history, findings)
  judge_output(plan, box, history, findings)
  is_failure <- vapply(box$got, function(g) inherits(g$value, "lomp_error"), NA)
  failures <- lapply(box$got[is_failure], function(g) g$value)
  if (!is.null(box$thrown)) failures <- c(failures, list(box$thrown))
  for (cnd in failures) judge_failure(plan, history, cnd, findings)
  got <- box$got[!is_failure]
  for (g in got) judge_part(plan, g, findings)
  failed <- vapply(failures, function(cnd) cnd$item, 0)
  if (anyDuplicated(failed)) findings$add("twice", "an item has failed twice")
  seen <- seen_parts(got)
  judge_order(plan, box, seen, findings)
  if (isTRUE(box$is_drained)) judge_complete(plan, box, history, seen, failed, findings)
}

judge_part <- function(plan, g, findings) {
  value <- g$value
  if (!is.list(value) || !identical(names(value), c("item", "part", "value"))) {
    return(findings$add("wrong", "a result that no item gave: ", in_short(value)))
  }
  if (!identical(value, value_of(plan, value$item, value$part))) {
    findings$add("wrong", "item ", value$item, " part ", value$part, ": ", in_short(value))
  }
  if (!is.null(g$item) && unname(g$item) != value$item) {
    findings$add("wrong", "lomp_item() is ", g$item, " and not ", value$item)
  }
}

seen_parts <- function(got) {
  part <- function(name) vapply(got, function(g) as.numeric(g$value[[name]][1L]), 0)
  data.frame(item = part("item"), part = part("part"))
}

# Each item's parts are there once, in their order and without a gap; and so are the items, if that
# was asked.
judge_order <- function(plan, box, seen, findings) {
  for (i in unique(seen$item)) {
    parts <- seen$part[seen$item == i]
    if (anyDuplicated(parts)) {
      findings$add("twice", "item ", i, " has parts ", toString(parts))
    } else if (!identical(as.numeric(parts), as.numeric(seq_along(parts)))) {
      findings$add("lost", "item ", i, " has parts ", toString(utils::head(parts, 20)))
    }
  }
  if (plan$ordered && isTRUE(box$is_mixed)) findings$add("wrong", "not in order")
}

heard_of <- function(box, class) Filter(function(cnd) inherits(cnd, class), box$heard)

# An error or an interrupt ends an iterator, and what else leaves as.list() does, too. An interrupt
# that met another way out is told by a warning.
has_ended_early <- function(plan, box) {
  !is.null(box$thrown) || "interrupt" %in% box$hows || plan$leave == "producer" ||
    length(heard_of(box, "lomp_interrupted")) > 0L ||
    plan$use == "list" && !all(box$hows == "returned")
}

# What a drained iterator owes: each part whose emit() had returned. If it has ended early and is
# ordered, only what came before the first item that isn't whole. Without workers a jump leaves the
# item that was running.
judge_complete <- function(plan, box, history, seen, failed, findings) {
  ended_early <- has_ended_early(plan, box)
  may_be_cut <- plan$workers == 0 && !all(box$hows == "returned")
  n <- if (plan$is_stream) history$produced else plan$n
  for (i in seq_len(n)) {
    if (plan$ordered && isTRUE(i >= box$thrown$item)) break
    if (i %in% failed) next
    owed <- if (ended_early || may_be_cut) owed_so_far(plan, history, i) else parts_of(plan, i)
    there <- sum(seen$item == i)
    if (there < owed && !is_spoiled(history, i)) {
      findings$add("lost", "item ", i, " in ", process_of(history, i), " has ", there, " of ", owed,
                   " parts (", toString(unique(box$hows)), "; ", said(box$condition), ")")
    }
    if (plan$ordered && ended_early && !is_whole(plan, history, i)) break
  }
}

owed_so_far <- function(plan, history, i) {
  if (plan$gives != "plain") return(sum(history$parts$item == i))
  as.numeric(i %in% history$ended && !is_underway(history, i))
}

is_whole <- function(plan, history, i) {
  i %in% history$ended && (plan$gives != "plain" || !is_underway(history, i))
}
