# What a report says of its call in words: in about ten lines (print()), and whole (summary()).

#' What a report shows
#'
#' A report of [lomp_report()] prints in about ten lines. `summary()` tells all of it in words, with
#' advice where there is something to do; `plot()` shows it; `as.data.frame()` gives its items.
#'
#' @section In words:
#' Shares are of the time that workers lived. What isn't known isn't told: a short call has no
#' samples of memory, for example. "2.0 GB shared with 8 workers, 400 MB of their own" are the
#' greatest values that were seen; "a copy for each worker" is what processes that share nothing
#' would have taken for the same. Units are powers of 1000. Of a call with `.compute` machines are
#' told instead of workers, by the names of their hosts; their shares are of the time of all their
#' workers.
#'
#' @section What to do:
#' `summary(report)$advice` is a data frame with the columns `id` and `message`, and a row for each
#' piece of advice that the call has earned:
#' - `slow-item`: at its end the call waited for one item alone, for a fifth of its time or more.
#' - `small-items`: all items together took less time than the call: [lapply()] would have been
#'   faster.
#' - `session-limit`: for half of the time the session had work to do itself, such as to read
#'   results. Large vectors, which are mapped, and numbers that [lomp_vapply()] puts into one vector
#'   are next to no work.
#' - `slow-forks`: forks took a fifth of the time. A fork copies the table of the session's pages,
#'   so that it takes the longer the larger the session is, unless its pages are huge. With glibc
#'   2.35 or newer on Linux, R that is started with the environment variable
#'   `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` has its large vectors in huge pages. Beside 2 GB of
#'   matrices the forks of a call took 12 ms instead of 137, and a call that went over all of them
#'   2.6 s instead of 3.4 (medians, two workers, a virtual machine with Linux 6.18).
#' - `short-memory`, `refused-fork`: there were fewer workers than asked for.
#' - `raised-budget`: items needed more memory than the option `lomp.worker_memory` allowed.
#' - `slow-producer`, `slow-consumer`: workers waited for items of a producer, or for the code that
#'   takes an iterator's results. An iterator's producer makes items only while a result is waited
#'   for, so that it may be that code as well for which workers had no items.
#' - `redo`: not all items have a result, and `.redo` can go on from those that are there.
#'
#' @param x,object A report of [lomp_report()], or such a summary or advice.
#' @param row.names,optional As of [as.data.frame()] for any object.
#' @param ... For `plot()`: graphical parameters, as [graphics::par()] has them, for this plot
#'   alone. Others ignore them.
#'
#' @return `print()` and `plot()`: their argument, invisibly. `summary()`: a list of class
#'   `summary.lomp_report` with `report` and `advice`.
#'
#'   `as.data.frame()`: a row for each item, in the order of items: `index`, `name` if they have
#'   names, `worker` (`0`: the session itself) and its `incarnation` (the second one has replaced
#'   the first), `start` since the call began, `wait` and `run` in seconds, `bytes` and `way` of its
#'   result, `results`, `conditions` and `outcome`: `"ok"`, `"error"`, `"crash"`, `"timeout"`,
#'   `"unfinished"` (in hand now, or when the call ended) or `"not run"`. Where there are more items
#'   than a report has rows for, a row for each worker process and span of time: `worker`,
#'   `incarnation`, `start`, `end`, and the sums `items`, `failed`, `wait`, `run`, `bytes` and
#'   `conditions`.
#' @name lomp_report-methods
#' @examples
#' results <- lomp_map(1:4, function(i) mean(rnorm(1e5)), .workers = 2)
#' report <- lomp_report()
#' report
#' summary(report)$advice
#' as.data.frame(report)
#' plot(report)
NULL

#' @rdname lomp_report-methods
#' @export
print.lomp_report <- function(x, ...) {
  advice <- advise(x)
  cat(c(
    paste("<lomp_report>", x$call), wrapped(c(
      tell_call(x), tell_busy(x), tell_memory(x), tell_results(x), tell_ends(x),
      tell_failed_items(x, 3L), tell_slowest(x, 3L)
    )),
    tell_advice(advice), "summary() tells more, and plot() shows it."
  ), sep = "\n")
  invisible(x)
}

#' @rdname lomp_report-methods
#' @export
summary.lomp_report <- function(object, ...) {
  structure(list(report = object, advice = advise(object)), class = "summary.lomp_report")
}

#' @rdname lomp_report-methods
#' @export
print.summary.lomp_report <- function(x, ...) {
  report <- x$report
  cat(c(
    report$call, wrapped(tell_call(report)),
    section("Time", c(tell_began(report), tell_work(report), tell_session(report))),
    section(paste0(name_kind(report), "s"), tell_lanes(report), wrap = FALSE),
    section("Memory", c(tell_memory(report), tell_own(report))),
    section("Results", c(tell_ways(report), tell_conditions(report))),
    section("Processes", c(tell_forks(report), tell_fewer(report), tell_reasons(report))),
    section("Failed items", failed_items(report, 10L)),
    section("Slowest items", slowest_items(report)),
    tell_advice(x$advice)
  ), sep = "\n")
  invisible(x)
}

#' @rdname lomp_report-methods
#' @export
as.data.frame.lomp_report <- function(x, row.names = NULL,  # nolint: object_name_linter.
                                      optional = FALSE, ...) {
  items <- x$items
  if (!is.null(row.names)) row.names(items) <- row.names
  items
}

section <- function(title, texts, wrap = TRUE) {
  if (length(texts) == 0L) return()
  c(paste0(title, ":"), if (wrap) wrapped(texts, "  ", "    ") else paste0("  ", texts))
}

# ---- The call -----------------------------------------------------------------------------------

# "10 items in 12 s on 2 workers"
tell_call <- function(report) {
  paste0(count_items(report), " in ", format_seconds(report$seconds), tell_where(report),
         tell_failures(report$totals), tell_how(report$how))
}

count_items <- function(report) {
  so_far <- if (report$how == "open") " so far,"
  if (!is_known(report$n) || report$done == report$n) {
    return(paste0(count_of(report$done, "item"), so_far))
  }
  paste0(format_count(report$done), " of ", count_of(report$n, "item"), so_far)
}

tell_where <- function(report) {
  there <- count_lanes(report)
  if (there == 0L) return()
  if (report$workers_asked == 0L) return(" in this session")
  of_all <- if (there < report$workers_asked) paste(" of", format_count(report$workers_asked))
  all <- max(there, report$workers_asked)
  what <- tolower(name_kind(report))
  paste0(" on ", format_count(there), of_all, " ", what, if (all != 1L) "s", tell_their(report))
}

# What a lane is.
name_kind <- function(report) if (is_on_machines(report$workers)) "Machine" else "Worker"

# " with 64 workers", of machines.
tell_their <- function(report) {
  if (!is_on_machines(report$workers)) return()
  is_last <- !duplicated(report$workers$worker, fromLast = TRUE)
  paste(" with", count_of(sum(report$workers$workers[is_last]), "worker"))
}

count_lanes <- function(report) length(unique(report$workers$worker))

tell_failures <- function(totals) {
  counts <- c(totals$errors, totals$crashes, totals$timeouts)
  texts <- c(count_of(counts[[1L]], "error"), count_of(counts[[2L]], "crash", "crashes"),
             count_of(counts[[3L]], "time out", "time outs"))
  if (any(counts > 0)) paste0(", with ", in_a_row(texts[counts > 0]))
}

tell_how <- function(how) {
  switch(how, failed = "; an error ended the call", interrupted = "; then it was interrupted",
         left = "; then the call was left", closed = "; then it was closed", NULL)
}

tell_began <- function(report) {
  paste("began", format(report$began, "%Y-%m-%d %H:%M:%S"))
}

tell_work <- function(report) {
  totals <- report$totals
  if (!is_known(totals$run) || report$done == 0) return()
  text <- paste0(format_seconds(totals$run), " in `.f`")
  if (report$done > 1) {
    text <- paste0(text, ", ", format_seconds(totals$run / report$done), " an item on average")
  }
  times <- totals$run / report$seconds
  if (report$workers_asked == 0L || times < 1) return(text)
  sprintf("%s: %s times what one process can do in this time", text, format(signif(times, 2)))
}

tell_session <- function(report) {
  busy <- report$session$busy
  if (report$workers_asked == 0L || !is_known(busy)) return()
  sprintf("%s (%s) of the session's own work", format_seconds(busy),
          format_share(busy / report$seconds))
}

# ---- Workers ------------------------------------------------------------------------------------

activities <- c(run = "in `.f`", wait_items = "waiting for items",
                wait_delivery = "waiting to deliver", collecting = "collecting garbage")

# A row for each lane, with sums over the processes that were one after the other there: seconds of
# life, and what they were spent on. Those of a machine are its workers'.
sums_by_lane <- function(report) {
  processes <- report$workers
  sums <- cbind(
    processes[c("items", names(activities))], processes = rep(1, nrow(processes)),
    life = processes$workers * (until_now(processes$end, report$seconds) - processes$begin)
  )
  lanes <- rowsum(data.matrix(sums), processes$worker)
  worker <- as.integer(rownames(lanes))
  data.frame(worker = worker, name = name_lanes(worker, processes), lanes, row.names = NULL,
             stringsAsFactors = FALSE)
}

# The share of an activity in each lane's life; of all lanes together if these are summed.
share_of <- function(activity, lanes) {
  ifelse(lanes$life > 0, pmin(1, lanes[[activity]] / lanes$life), 0)
}

# Of all lanes together, NA where it isn't known.
share_in_all <- function(activity, lanes) {
  life <- sum(lanes$life)
  if (life > 0) min(1, sum(lanes[[activity]]) / life) else NA_real_
}

# Daemons that have the same host are told apart by the numbers of their processes.
name_lanes <- function(worker, processes) {
  if (!is_on_machines(processes)) {
    return(ifelse(worker == 0L, "session", paste("worker", worker)))
  }
  of <- match(worker, processes$worker)
  hosts <- vapply(processes$host[of], shorten, "", 20L, USE.NAMES = FALSE)
  is_twice <- hosts %in% hosts[duplicated(hosts)]
  ifelse(is_twice, sprintf("%s (%d)", hosts, processes$pid[of]), hosts)
}

# In one sentence, with what else took a good part of the time.
tell_busy <- function(report) {
  lanes <- sums_by_lane(report)
  if (!is_known(share_in_all("run", lanes)) || report$done == 0) return()
  subject <- if (report$workers_asked == 0L) "the session was" else "workers were"
  others <- lapply(names(activities)[-1L], function(activity) {
    share <- share_in_all(activity, lanes)
    if (is_known(share) && share >= 0.05) paste(format_share(share), activities[[activity]])
  })
  paste0(subject, " in `.f` for ", format_share(share_in_all("run", lanes)), " of the time",
         tell_range("run", lanes),
         if (length(unlist(others)) > 0L) paste0(", ", in_a_row(unlist(others))))
}

tell_range <- function(activity, lanes) {
  shares <- share_of(activity, lanes)
  least <- which.min(shares)
  most <- which.max(shares)
  low <- format_share(shares[[least]])
  high <- format_share(shares[[most]])
  if (low == high) return()
  sprintf(" (%s %s, %s %s)", lanes$name[[least]], low, lanes$name[[most]], high)
}

most_lanes <- 12L  # of which each has a line of its own

# What each worker did, as a table; of many workers only the extremes.
tell_lanes <- function(report) {
  lanes <- sums_by_lane(report)
  shown <- Filter(function(activity) {
    activity == "run" || isTRUE(share_in_all(activity, lanes) >= 0.005)
  }, names(activities))
  shown <- shown[!is.na(vapply(shown, share_in_all, 0, lanes))]
  if (length(shown) == 0L || report$done == 0) return()
  if (nrow(lanes) <= most_lanes) return(table_of_lanes(shown, lanes))
  vapply(shown, function(activity) {
    paste0(format_share(share_in_all(activity, lanes)), " of the time ", activities[[activity]],
           tell_range(activity, lanes))
  }, "", USE.NAMES = FALSE)
}

table_of_lanes <- function(shown, lanes) {
  columns <- lapply(shown, function(activity) {
    c(activities[[activity]], vapply(share_of(activity, lanes), format_share, ""))
  })
  columns <- c(columns, list(c("items", format(lanes$items, scientific = FALSE, trim = TRUE))))
  if (any(lanes$processes > 1)) columns <- c(columns, list(c("processes", lanes$processes)))
  aligned <- lapply(columns, function(column) formatC(column, width = max(nchar(column))))
  names <- c("", lanes$name)
  do.call(paste, c(list(formatC(names, width = -max(nchar(names)))), aligned, sep = "  "))
}

# ---- Memory and results -------------------------------------------------------------------------

# "2.0 GB shared with 8 workers, 0.4 GB of their own; a copy for each ..." A worker that shares
# nothing wasn't seen before it ended. What all have of their own isn't known of a short call, in
# which not all were seen.
tell_memory <- function(report) {
  shared <- greatest(report$memory$shared)
  seen <- greatest(report$memory$workers)
  if (!is_known(shared) || shared == 0 || !is_known(seen) || seen == 0) return()
  workers <- max(seen, count_lanes(report))
  private <- if (seen == workers) greatest(report$memory$private)
  one <- workers == 1
  paste0(
    format_bytes(shared), " shared with ", count_of(workers, "worker"),
    if (is_known(private)) sprintf(", %s of %s own", format_bytes(private),
                                   if (one) "its" else "their"),
    sprintf("; a copy for %s would have taken %s", if (one) "it" else "each worker",
            format_bytes(workers * shared))
  )
}

# What a single process had at the most, and what it might have.
tell_own <- function(report) {
  own <- greatest(report$workers$private)
  budget <- report$session$budget
  c(
    if (is_known(own) && report$workers_asked > 0L) {
      paste("a worker had up to", format_bytes(own), "of its own")
    },
    if (is_known(budget)) paste("a worker's budget was", format_bytes(budget)),
    if (is_known(report$session$resident)) {
      paste("the session had", format_bytes(report$session$resident), "when the call began")
    }
  )
}

way_words <- c(mapped = "mapped", file = "read from files", pipe = "through pipes")

tell_ways <- function(report) {
  bytes <- report$totals$bytes[names(way_words)]
  is_used <- !is.na(bytes) & bytes > 0
  if (!any(is_used)) return()
  if (is_on_machines(report$workers)) way_words[["pipe"]] <- "from machines"
  in_a_row(paste(vapply(bytes[is_used], format_bytes, ""), way_words[is_used]))
}

tell_results <- function(report) {
  ways <- tell_ways(report)
  if (!is.null(ways)) paste0("results: ", ways)
}

tell_conditions <- function(report) {
  results <- report$totals$results
  conditions <- report$totals$conditions
  c(
    if (report$fun == "lomp_iterate" && is_known(results)) count_of(results, "result"),
    if (is_known(conditions) && conditions > 0) {
      paste(count_of(conditions, "condition"), "signalled again (warnings, messages and others)")
    }
  )
}

# ---- Processes ----------------------------------------------------------------------------------

tell_forks <- function(report) {
  totals <- report$totals
  if (!is_known(totals$forks) || totals$forks == 0) return()
  text <- count_of(totals$forks, "fork")
  if (!is_known(totals$fork_seconds)) return(text)
  paste(text, "in", format_seconds(totals$fork_seconds))
}

# Why there were fewer workers than asked for, if there were items for more and memory, too.
tell_fewer <- function(report) {
  session <- report$session
  wanted <- min(report$workers_asked, report$n)
  is_told <- isTRUE(session$held_back) || isTRUE(session$refused > 0L)
  if (report$how != "finished" || is_told || is_on_machines(report$workers)) return()
  if (isTRUE(count_lanes(report) < wanted)) "more workers weren't worth their forks"
}

# How often workers have ended for each reason, by the names in `reasons`.
count_ends <- function(report, reasons) {
  counts <- vapply(reasons, function(why) sum(report$workers$why %in% why), 0L)
  counts[counts > 0L]
}

# "of the workers 3 were replaced, 1 crashed and 1 ran out of time"
tell_ends <- function(report) {
  counts <- count_ends(report, list(replaced = c("worn", "memory"), crash = "crash",
                                    timeout = "timeout"))
  if (length(counts) == 0L) return()
  if (is_on_machines(report$workers)) return(tell_lost_machines(counts[["crash"]]))
  words <- c(replaced = if (counts[[1L]] == 1L) "was replaced" else "were replaced",
             crash = "crashed", timeout = "ran out of time")
  paste("of the workers", in_a_row(paste(counts, words[names(counts)])))
}

tell_lost_machines <- function(n) {
  paste(count_of(n, "machine"), if (n == 1L) "was" else "were", "lost")
}

end_reasons <- c("worn", "memory", "crash", "timeout", "stopped")

tell_reasons <- function(report) {
  if (is_on_machines(report$workers)) return(tell_ends(report))
  counts <- count_ends(report, end_reasons)
  vapply(names(counts), function(why) tell_reason(why, counts[[why]]), "", USE.NAMES = FALSE)
}

tell_reason <- function(why, n) {
  one <- n == 1L
  its <- if (one) "it" else "they"
  paste(count_of(n, "worker"), if (one) "was" else "were", switch(
    why,
    worn = paste("replaced, before R's garbage collector would have copied what", its, "shared"),
    memory = paste("replaced, since", its, "had more memory of", if (one) "its" else "their",
                   "own than the budget"),
    crash = "lost by a crash",
    timeout = "ended, since an item took longer than `.timeout`",
    stopped = "ended with the call"
  ))
}

# ---- Items --------------------------------------------------------------------------------------

failure_words <- c(error = "error", crash = "crash", timeout = "time out")

# Where there are spans of time, single items aren't known.
failed_items <- function(report, most) {
  if (report$is_binned) return()
  items <- report$items[report$items$outcome %in% failures_of_items, ]
  first <- utils::head(items, most)
  texts <- vapply(seq_len(nrow(first)), function(k) {
    paste0(label_item(first$index[[k]], first$name[k]), ": ",
           failure_words[[as.character(first$outcome[[k]])]])
  }, "")
  more <- nrow(items) - nrow(first)
  c(texts, if (more > 0L) paste(format_count(more), "more"))
}

tell_failed_items <- function(report, most) {
  texts <- failed_items(report, most)
  if (length(texts) > 0L) paste0("failed: ", in_a_row(texts))
}

slowest_items <- function(report) {
  slowest <- report$slowest
  if (report$done < 2 || nrow(slowest) == 0L) return()
  labels <- mapply(label_item, slowest$index, slowest$name)
  paste(labels, vapply(slowest$run, format_seconds, ""))
}

label_item <- function(index, name) {
  label_of(index, if (has_text(name)) shorten(name, 30L))
}

tell_slowest <- function(report, most) {
  items <- utils::head(slowest_items(report), most)
  if (length(items) > 0L) paste0("slowest: ", paste(items, collapse = ", "))
}
