# What a plot of a report shows of its workers, as data: lanes from top to bottom, and in them what
# was when, in seconds since the call began. Nothing here draws.

# Of so few items each has a bar, however narrow.
few_items <- 100L

# `cells` is how many bars beside each other can be told apart. Where items are narrower than that,
# or aren't known one by one, there are shares of time instead of bars.
lanes_of <- function(report, xlim, cells) {
  lanes <- sort(unique(report$workers$worker))
  fine <- diff(xlim) / cells
  items <- items_of_lanes(report, lanes)
  is_exact <- !report$is_binned && all(items$workers == 1L) && has_wide_bars(items, fine)
  list(
    names = if (length(lanes) > 0L) name_lanes(lanes, report$workers) else "",
    xlim = xlim, is_exact = is_exact,
    bands = bands_of(report, lanes),
    bars = if (is_exact) bars_of(items),
    shares = if (!is_exact) shares_of(items, xlim, cells, length(lanes)),
    marks = marks_of(report, items, lanes), is_empty = nrow(items) == 0L
  )
}

has_wide_bars <- function(items, fine) {
  nrow(items) <= few_items || sum(items$to - items$from >= 2 * fine) >= nrow(items) / 2
}

# Items that ran, or spans of time with some, with the number of their `lane` and how many workers
# that has: more than one if it is a machine.
items_of_lanes <- function(report, lanes) {
  items <- report$items
  items <- items[!is.na(items$worker) & !is.na(items$start), ]
  items$lane <- match(items$worker, lanes)
  items$workers <- report$workers$workers[match(items$worker, report$workers$worker)]
  items$from <- items$start
  items$to <- if (report$is_binned) items$end else items$start + items$run + items$wait
  items[!is.na(items$lane) & !is.na(items$to), ]
}

# The lives of processes.
bands_of <- function(report, lanes) {
  workers <- report$workers
  data.frame(
    lane = match(workers$worker, lanes), from = workers$begin,
    to = until_now(workers$end, report$seconds), incarnation = workers$incarnation,
    why = as.character(workers$why)
  )
}

# An item's bar ends with the time in which it waited, whenever that was.
bars_of <- function(items) {
  data.frame(
    index = items$index, lane = items$lane, from = items$from, ran = items$from + items$run,
    to = items$to, outcome = as.character(items$outcome),
    label = if (is.null(items$name)) rep(NA_character_, nrow(items)) else items$name
  )
}

# ---- Shares of time -----------------------------------------------------------------------------

most_shares <- 40000L  # cells of all lanes together

# For each lane and cell the shares of its time in `.f` and waiting. Neighbours that look the same
# are one row, and empty ones none.
shares_of <- function(items, xlim, cells, n) {
  cells <- max(50L, min(cells, most_shares %/% max(1L, n)))
  edges <- seq(xlim[[1L]], xlim[[2L]], length.out = cells + 1L)
  rows <- lapply(split(items, factor(items$lane, seq_len(n))), shares_of_lane, edges,
                 if (n > few_lanes) 24 else 100)
  lane <- rep(seq_len(n), vapply(rows, NROW, 0L))
  cbind(lane = lane, do.call(rbind, rows), row.names = NULL)
}

few_lanes <- 12L  # which are so high that small differences show

shares_of_lane <- function(items, edges, steps) {
  if (nrow(items) == 0L) return()
  if (items$workers[[1L]] > 1L) items <- side_by_side(items)
  spans <- one_after_the_other(items)
  # Within an item its waiting comes last, as in a bar; within a span both are everywhere.
  apart <- is.null(items$end)
  ran <- if (apart) spans$from + spans$run else spans$to
  waited <- if (apart) ran else spans$from
  run <- share_in_cells(spans$from, ran, spans$run, edges)
  wait <- pmin(1 - run, share_in_cells(waited, spans$to, spans$wait, edges))
  merge_equal(edges, in_steps(run, steps), in_steps(wait, steps), steps)
}

# What is little is one step, since none would be nothing.
in_steps <- function(share, steps) pmax(round(share * steps), share > 0)

# Two processes of one lane may have been there in one span: they are one row. There may be millions
# of items, so that no object is made for each.
one_after_the_other <- function(items) {
  items <- items[order(items$from, items$to), c("from", "to", "run", "wait")]
  is_last <- !duplicated(items$from, fromLast = TRUE)
  rows <- items[is_last, ]
  for (what in c("run", "wait")) rows[[what]] <- diff(c(0, cumsum(items[[what]])[is_last]))
  rows$to <- pmin(rows$to, c(rows$from[-1L], Inf))
  rows
}

# Of a lane with several workers: spans of time in which the same number of them are in `.f` and
# waiting, each with its shares of what they could be. Spans of many items have only to be scaled.
side_by_side <- function(items) {
  workers <- items$workers[[1L]]
  if (!is.null(items$end)) {
    items[c("run", "wait")] <- items[c("run", "wait")] / workers
    return(items)
  }
  ran <- items$from + items$run
  at <- sort(unique(c(items$from, ran, items$to)))
  if (length(at) < 2L) at <- c(at, at + 1e-9)
  width <- diff(at)
  data.frame(from = at[-length(at)], to = at[-1L], end = at[-1L],
             run = count_at(items$from, ran, at) * width / workers,
             wait = count_at(ran, items$to, at) * width / workers)
}

# How many are underway from each of these times to the next one.
count_at <- function(from, to, at) {
  changes <- tabulate(match(from, at), length(at)) - tabulate(match(to, at), length(at))
  cumsum(changes)[-length(at)]
}

# What share of each cell is taken by amounts that are spread evenly over spans of time, none of
# which overlaps another one.
share_in_cells <- function(from, to, amount, edges) {
  if (length(from) == 0L) return(numeric(length(edges) - 1L))
  total <- cumsum(amount)
  at <- c(rbind(from, pmax(to, from + 1e-9)))
  until <- c(rbind(c(0, total[-length(total)]), total))
  inside <- stats::approx(at, until, edges, rule = 2, ties = "ordered")$y
  pmax(0, pmin(1, diff(inside) / diff(edges)))
}

merge_equal <- function(edges, run, wait, steps) {
  n <- length(run)
  is_new <- c(TRUE, run[-1L] != run[-n] | wait[-1L] != wait[-n])
  first <- which(is_new)
  last <- c(first[-1L] - 1L, n)
  rows <- data.frame(from = edges[first], to = edges[last + 1L], run = run[first] / steps,
                     wait = wait[first] / steps)
  rows[rows$run > 0 | rows$wait > 0, ]
}

# ---- Marks --------------------------------------------------------------------------------------

# What must be seen however short it was: failures, and processes that have replaced others.
marks_of <- function(report, items, lanes) {
  failures <- if (report$is_binned) {
    marks_of_spans(report, items, lanes)
  } else {
    marks_of_items(items)
  }
  bands <- bands_of(report, lanes)
  again <- bands[bands$incarnation > 1L, ]
  lost <- bands[bands$why == "crash" & is_on_machines(report$workers), ]
  rbind(failures, data.frame(lane = c(again$lane, lost$lane), at = c(again$from, lost$to),
                             kind = rep(c("restart", "crash"), c(nrow(again), nrow(lost)))))
}

marks_of_items <- function(items) {
  failed <- items[items$outcome %in% failures_of_items, ]
  data.frame(lane = failed$lane, at = (failed$from + failed$to) / 2,
             kind = as.character(failed$outcome))
}

# A process that ended by an item tells which kind its last failure was; all others are errors. A
# machine doesn't end by its items.
marks_of_spans <- function(report, items, lanes) {
  bands <- bands_of(report, lanes)
  ended <- bands[bands$why %in% c("crash", "timeout") & !is_on_machines(report$workers), ]
  errors <- items[items$failed > 0, ]
  errors <- errors[order(-errors$from), ]
  process <- paste(errors$lane, errors$incarnation)
  is_last <- !duplicated(process) & process %in% paste(ended$lane, ended$incarnation)
  errors <- errors[errors$failed > is_last, ]
  data.frame(
    lane = c(errors$lane, ended$lane), at = c((errors$from + errors$to) / 2, ended$to),
    kind = c(rep("error", nrow(errors)), ended$why)
  )
}

# Those that can be told apart: no two of a kind in a lane are nearer than `width`.
thin_out <- function(marks, width) {
  cell <- floor(marks$at / width)
  marks[!duplicated(data.frame(marks$lane, marks$kind, cell)), ]
}
