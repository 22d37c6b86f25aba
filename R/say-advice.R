# What to do about a call, as far as its report tells. Each piece of advice is earned by figures of
# the report: where they aren't known, none is given.

# Below this a call is over before its user has noticed, and a share of its time is chance.
least_seconds <- 0.05

# A row for each piece of advice: its `id`, for programs, and its `message`.
advise <- function(report) {
  messages <- lapply(advisers(), function(adviser) adviser(report))
  messages <- messages[lengths(messages) > 0L]
  advice <- data.frame(id = as.character(names(messages)), message = as.character(messages))
  structure(advice, class = c("lomp_advice", "data.frame"))
}

advisers <- function() {
  list(
    "slow-item" = advise_slow_item, "small-items" = advise_small_items,
    "session-limit" = advise_session_limit, "slow-forks" = advise_slow_forks,
    "short-memory" = advise_short_memory, "refused-fork" = advise_refused_fork,
    "raised-budget" = advise_raised_budget, "slow-producer" = advise_slow_producer,
    "slow-consumer" = advise_slow_consumer, "redo" = advise_redo
  )
}

#' @rdname lomp_report-methods
#' @export
print.lomp_advice <- function(x, ...) {
  cat(if (nrow(x) > 0L) tell_advice(x) else "Nothing to do.", sep = "\n")
  invisible(x)
}

tell_advice <- function(advice) {
  if (nrow(advice) == 0L) return()
  c("What to do:", wrapped(advice$message, "- "))
}

has_workers <- function(report) report$workers_asked > 0L && report$done > 0

# ---- One slow item ------------------------------------------------------------------------------

# The last worker's last item, if at the end the call waited for it alone.
advise_slow_item <- function(report) {
  if (!has_workers(report) || report$how != "finished") return()
  last <- last_item(report)
  if (is.null(last) || last$alone < max(0.2 * report$seconds, least_seconds)) return()
  sprintf("%s took %s, and for the last %s of the call all other workers had nothing to do: %s%s.",
          label_item(last$index, last$name), format_seconds(last$run), format_seconds(last$alone),
          "split it into several items", if (last$is_late) " or put it first in `.x`" else "")
}

# With the seconds for which it was `alone` at work: NULL if other items were then, too.
last_item <- function(report) {
  if (is_on_machines(report$workers)) return(last_item_elsewhere(report))
  until <- busy_until(report)
  if (length(until) < 2L) return()
  order <- order(until, decreasing = TRUE)
  alone <- until[[order[[1L]]]] - until[[order[[2L]]]]
  item <- item_of_lane(report, as.integer(names(until))[[order[[1L]]]])
  if (is.null(item) || item$run < 0.9 * alone) return()
  c(item, list(alone = min(alone, item$run)))
}

# The same of machines, of whose workers nothing is known but their items.
last_item_elsewhere <- function(report) {
  if (report$is_binned) return()
  ends <- report$items$start + report$items$run + report$items$wait
  order <- utils::head(order(ends, decreasing = TRUE, na.last = NA), 2L)
  if (length(order) < 2L) return()
  item <- report$items[order[[1L]], ]
  list(index = item$index, name = item$name, run = item$run,
       alone = min(-diff(ends[order]), item$run), is_late = item$start > 0.1 * report$seconds)
}

# When the last item of each lane ended, by its number. Where single items aren't known it is when
# its worker ended, for want of more.
busy_until <- function(report) {
  workers <- report$workers
  if (report$is_binned) {
    return(vapply(split(until_now(workers$end, report$seconds), workers$worker), max, 0))
  }
  items <- report$items
  lanes <- factor(items$worker, sort(unique(workers$worker)))
  ends <- split(items$start + items$run + items$wait, lanes)
  vapply(ends, function(times) max(0, times), 0)  # 0 of one that had no item
}

# The last item of this lane. Of many items only the slowest are known by name; one that is worth
# a word is the slowest of all. It `is_late` if it might have begun sooner: not one that began at
# once, or as soon as its worker was there.
item_of_lane <- function(report, lane) {
  if (report$is_binned) {
    slowest <- utils::head(report$slowest, 1L)
    if (!isTRUE(slowest$worker == lane)) return()
    return(list(index = slowest$index, name = slowest$name, run = slowest$run, is_late = FALSE))
  }
  mine <- which(report$items$worker == lane)
  item <- report$items[mine[which.max(report$items$start[mine])], ]
  is_late <- length(mine) > 1L && item$start > 0.1 * report$seconds
  list(index = item$index, name = item$name, run = item$run, is_late = is_late)
}

# ---- Work that doesn't pay ----------------------------------------------------------------------

# An iterator's time is also that of the code that takes its results, and where workers waited for
# items it is the producer's. What has ended a worker would have ended the session.
advise_small_items <- function(report) {
  run <- report$totals$run
  if (!has_workers(report) || report$how != "finished" || report$fun == "lomp_iterate") return()
  if (!is_known(run) || run >= 0.9 * report$seconds) return()
  if (report$totals$crashes + report$totals$timeouts > 0) return()
  if (isTRUE(share_in_all("wait_items", sums_by_lane(report)) > 0.05)) return()
  sprintf("All items together took %s in `.f`, the call %s: %s would have been faster, and so %s.",
          format_seconds(run), format_seconds(report$seconds),
          if (report$fun == "lomp_vapply") "vapply()" else "lapply()",
          if (is_on_machines(report$workers)) {
            "would this machine's own workers, without `.compute`. Or let each item do more"
          } else {
            "would `.workers = 0`. Or let each item do more"
          })
}

# Where nothing is known that explains the time, there is nothing to be said.
advise_session_limit <- function(report) {
  busy <- report$session$busy
  if (!has_workers(report) || !is_known(busy)) return()
  if (busy < max(0.5 * report$seconds, least_seconds)) return()
  way_out <- relieve_session(report, busy)
  if (is.null(way_out)) return()
  sprintf("The session itself was at work for %s of %s, which is the limit: %s.",
          format_seconds(busy), format_seconds(report$seconds), way_out)
}

# So many of them in a second are work for a session, by orders of magnitude: it can signal some
# thousand conditions, make some hundred thousand objects, or read some ten megabytes of them.
much_in_a_second <- c(conditions = 200, results = 20000, bytes = 2e6)

relieve_session <- function(report, busy) {
  totals <- report$totals
  done <- c(conditions = totals$conditions, results = totals$results,
            bytes = sum(totals$bytes[c("pipe", "file")], na.rm = TRUE))
  is_much <- done / busy >= much_in_a_second
  if (isTRUE(is_much[["conditions"]])) {
    return(paste(count_of(totals$conditions, "condition"),
                 "of the items are signalled again there, so let `.f` say less"))
  }
  if (isTRUE(is_much[["results"]])) return(relieve_of_many(report))
  if (!isTRUE(is_much[["bytes"]])) return()
  paste("results that aren't large vectors of numbers are read there, object by object. Let `.f`",
        "return less, or numbers, or write a file and return its name")
}

relieve_of_many <- function(report) {
  if (report$fun != "lomp_map") return("results are many and small, so let each item do more")
  paste("it makes an object of each of many small results. lomp_vapply() puts numbers, strings and",
        "logicals straight into one vector")
}

# ---- Forks --------------------------------------------------------------------------------------

advise_slow_forks <- function(report) {
  totals <- report$totals
  if (!has_workers(report) || !is_known(totals$fork_seconds)) return()
  if (totals$fork_seconds < max(0.2 * report$seconds, least_seconds)) return()
  sprintf("%s took %s of %s: %s.", count_of(totals$forks, "fork"),
          format_seconds(totals$fork_seconds), format_seconds(report$seconds),
          quicken_forks(report$session))
}

quicken_forks <- function(session) {
  fewer <- "make one call of several"
  resident <- if (is_known(session$resident)) paste0(" of ", format_bytes(session$resident))
  if (!identical(session$huge_pages, FALSE)) {
    return(paste0("remove what isn't needed from this session", resident, ", or ", fewer))
  }
  paste0("each copies the table of the session's pages", resident, ". R that was started with the ",
         "environment variable GLIBC_TUNABLES=glibc.malloc.hugetlb=1 has large vectors in huge ",
         "pages, and forks faster. Or ", fewer)
}

# ---- Memory and fewer workers -------------------------------------------------------------------

advise_short_memory <- function(report) {
  if (!isTRUE(report$session$held_back)) return()
  own <- greatest(report$workers$private)
  sprintf("Memory ran short, so only %s of %s ran%s: %s.",
          format_count(count_lanes(report)), count_of(report$workers_asked, "worker"),
          if (is_known(own)) sprintf(", which had up to %s each", format_bytes(own)) else "",
          "remove what isn't needed from this session, or let an item of `.f` need less")
}

advise_refused_fork <- function(report) {
  if (!isTRUE(report$session$refused > 0L)) return()
  sprintf("The system refused to fork more than %s of %s (%s): %s.",
          format_count(count_lanes(report)), count_of(report$workers_asked, "worker"),
          errno_text(report$session$refused),
          "it limits this user's processes (`ulimit -u`) or memory, or ask for fewer `.workers`")
}

advise_raised_budget <- function(report) {
  if (!isTRUE(report$session$raised)) return()
  own <- greatest(report$workers$private)
  sprintf("Items needed more memory than a worker's budget%s%s, which was raised: %s.",
          if (is_known(report$session$budget)) {
            sprintf(" of %s", format_bytes(report$session$budget))
          } else {
            ""
          },
          if (is_known(own)) sprintf(" (up to %s)", format_bytes(own)) else "",
          "use fewer `.workers`, or set options(lomp.worker_memory = ) to what an item needs")
}

# ---- Producers and consumers --------------------------------------------------------------------

idle_share <- 0.3

# Workers of numbered items end when there are none.
advise_slow_producer <- function(report) {
  waited <- share_that_waited("wait_items", report)
  if (is.null(waited)) return()
  sprintf("Workers waited for items for %s of their time: %s.", waited, relieve_producer(report))
}

# An iterator asks its producer only while a result is waited for: what its caller does in between
# is time in which nothing is produced, and which of the two was slow isn't known.
relieve_producer <- function(report) {
  less <- "make less, such as names of files that `.f` reads"
  if (report$fun != "lomp_iterate") return(paste("the producer is the limit. Let it", less))
  paste0("the producer is the limit, or the code that takes the results, since items are produced ",
         "only while a result is waited for. Let the producer ", less,
         ", and `.f` do more of that code's work")
}

advise_slow_consumer <- function(report) {
  waited <- share_that_waited("wait_delivery", report)
  if (report$fun != "lomp_iterate" || is.null(waited)) return()
  sprintf("Workers waited to deliver for %s of their time: %s.", waited,
          paste("the code that takes the results is the limit. Let `.f` do more of its work; if it",
                "is slow only now and then, a larger option `lomp.buffer` helps"))
}

share_that_waited <- function(activity, report) {
  if (!has_workers(report) || report$seconds < least_seconds) return()
  share <- share_in_all(activity, sums_by_lane(report))
  if (is_known(share) && share >= idle_share) format_share(share)
}

# ---- Items without a result ---------------------------------------------------------------------

# An iterator's results are its consumer's, and items of a producer are gone.
advise_redo <- function(report) {
  if (report$fun == "lomp_iterate" || report$is_stream) return()
  finished <- report$done - report$failed
  if (report$how == "open" || finished <= 0 || finished >= report$n) return()
  sprintf("%s of %s %s finished and kept: the same call with %s as `.redo` runs the others only.",
          format_count(finished), count_of(report$n, "item"), if (finished == 1) "is" else "are",
          redo_source(report))
}

redo_source <- function(report) {
  if (report$how == "finished" && report$fun == "lomp_map") "its result" else "lomp_last()"
}
