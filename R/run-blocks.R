# Which items a machine gets, and how many at a time.

# As many steps as there are machines that answer.
hand_out <- function(state) {
  net <- state$net
  missing <- reachable(net) - length(net$sent$tasks)
  while (missing > 0 && !net$is_over) {
    send_next(state, missing)
    missing <- missing - 1
    net$free <- NULL
  }
}

# A machine that lacks what the call needs gets a piece of it: one at a time, since any machine may
# get it.
send_next <- function(state, missing) {
  net <- state$net
  lacking <- find_machine(net, function(machine) !is.null(machine$wants))
  if (!is.null(lacking) && !any(vapply(net$sent$tasks, is_piece, NA))) {
    return(send_step(net, new_step(net, "items", piece_of(net, lacking$wants))))
  }
  machine <- next_machine(net)
  items <- if (!is_for_others(state, missing)) next_items(block_size(machine, net, state), state)
  is_sent <- FALSE
  on.exit(if (!is_sent) give_again(items, net))
  if (!is.null(machine)) machine$undone <- machine$undone + length(items)
  low <- if (has_more(state)) low_mark(machine) else 0
  step <- new_step(net, "items", block = block_of(items, state), low = low,
                   gives_back = has_spare(net, state), only = only_wanted(state))
  if (length(items) == 0L) step$seconds <- uneven(step$seconds)
  send_step(net, step, items)
  is_sent <- TRUE
}

# Half of it and more. Two machines without items would else go on to answer at the same time, and
# it isn't known which of them takes the next step.
uneven <- function(seconds) seconds * (1 + any_part()) / 2

# The last items are for machines that have nothing to do, when they have answered: the one that
# takes the next step would only have them in store.
is_for_others <- function(state, missing) {
  net <- state$net
  if (!is_busy_one_next(net, missing)) return(FALSE)
  is_idle <- vapply(net$known, function(m) m$has && !m$is_lost && m$undone == 0, NA)
  workers <- sum(vapply(net$known[is_idle], function(m) m$workers, 0))
  isTRUE(items_left(state) <= workers)
}

# Where several steps are sent at once it isn't known who takes which: now the first one has the
# items, now a later one.
is_busy_one_next <- function(net, missing) {
  if (is.null(net$free)) return(missing > 1 && any_part() < 0.5)
  !net$free$is_lost && net$free$undone >= net$free$workers
}

# By the clock's last digits, since the caller's random numbers are the caller's.
any_part <- function() (1000 * as.numeric(Sys.time())) %% 1

is_piece <- function(task) !is.null(task$piece)

find_machine <- function(net, is) {
  for (machine in net$known) if (!machine$is_lost && is(machine)) return(machine)
}

# The one that has answered last, as a rule, and has least to do: whose turn it is.
next_machine <- function(net) {
  machines <- Filter(function(machine) !machine$is_lost && machine$has, net$known)
  if (length(machines) == 0L) return(NULL)
  machines[[which.min(vapply(machines, function(m) m$undone / m$workers, 0))]]
}

# So many items that a machine has work for a while; at the end not more than half of its share, as
# long as that is worth a step. As long as it isn't known how fast it is, blocks grow step by step.
block_size <- function(machine, net, state) {
  if (is.null(machine)) return(1)
  least <- least_block(machine, net, state)
  if (is.na(machine$rate)) return(least)
  wanted <- machine$rate * (step_seconds + machine$trip) - machine$undone
  wanted <- min(max(least, wanted), 16 * max(least, machine$block))
  share <- items_left(state) * machine$rate / sum(vapply(net$known, rate_of, 0))
  worth <- machine$rate * min(max(machine$trip, 0.01), 0.1)
  if (!is.na(share)) wanted <- min(wanted, max(least, worth, ceiling(share / 2)))
  machine$block <- floor(wanted)
  machine$block
}

# Each of its workers has an item, and another one waits for it where items are short; but where
# there are few left no machine gets those that others could begin with.
least_block <- function(machine, net, state) {
  workers <- sum(vapply(net$known, function(machine) machine$workers, 0))
  part <- items_left(state) * machine$workers / workers
  wanted <- machine$workers + if (is_quick(machine)) machine$workers else 0
  min(max(0, wanted - machine$undone), ceiling(part), na.rm = TRUE)
}

# Would a worker that waits for the next item until this is sent, wait for long, beside what items
# take?
is_quick <- function(machine) {
  !is.na(machine$rate) && machine$rate / machine$workers * machine$trip > 0.02
}

rate_of <- function(machine) if (machine$is_lost || is.na(machine$rate)) 0 else machine$rate

# It answers while it has work for the time that the answer and the next step take, but not before
# it has done half of what it has, unless each of its workers has its last item.
low_mark <- function(machine) {
  if (is.null(machine)) return(0)
  if (!is_quick(machine)) return(machine$workers)
  machine$workers + max(1, min(ceiling(machine$rate * machine$trip), machine$undone %/% 2))
}

# There are no more items to be given, and one machine has nothing to do where another one has more
# than its workers have begun: that one gives back the others.
has_spare <- function(net, state) {
  if (has_more(state)) return(FALSE)
  machines <- Filter(function(machine) !machine$is_lost && machine$has, net$known)
  undone <- vapply(machines, function(m) m$undone - m$workers, 0)
  any(undone > 0) && any(vapply(machines, function(m) m$undone == 0, NA))
}

# How many there are to be given; NA of a producer's, unless it has ended.
items_left <- function(state) {
  net <- state$net
  if (!is.na(state$plan$n)) return(length(net$owner) - net$given + length(net$again))
  if (state$source_ended) length(net$again) else NA_real_
}

has_more <- function(state) !isTRUE(items_left(state) == 0)

has_all_over <- function(state) {
  !has_more(state) && state$net$over == state$net$given && length(state$net$orphans) == 0L
}

# The numbers of the items that are given next. Those that come again go first; there are no new
# ones while results that wait for their taker are too many. The caller's producer may leave by a
# jump: then those that it has made are among those that come again.
next_items <- function(most, state) {
  net <- state$net
  new <- if (is_full(state)) {
    numeric()
  } else if (is.na(state$plan$n)) {
    pull_items(most - length(net$again), state)
  } else {
    new_items(most - length(net$again), net)
  }
  again <- utils::head(net$again, most)
  net$again <- net$again[seq_along(net$again) > length(again)]
  c(again, new)
}

is_full <- function(state) {
  !state$plan$is_map && call_untaken(state$handle) >= state$plan$buffer
}

# The item that alone is waited for, since results of others fill the buffer already: 0 if there is
# none; NULL as long as there is room.
only_wanted <- function(state) {
  if (!is_full(state)) return(NULL)
  if (state$plan$ordered) match(TRUE, state$net$owner != -1L, nomatch = 0L) else 0L
}

new_items <- function(most, net) {
  items <- net$given + seq_len(max(0, min(most, length(net$owner) - net$given)))
  net$given <- net$given + length(items)
  items
}

# As many as a producer makes in a while.
pull_items <- function(most, state) {
  net <- state$net
  first <- net$given
  is_done <- FALSE
  on.exit({
    call_note_given(state$handle, net$given)
    if (!is_done) give_again(first + seq_len(net$given - first), net)
  })
  deadline <- elapsed() + step_seconds / 10
  while (net$given - first < most && elapsed() <= deadline && keep_pulled(state)) NULL
  is_done <- TRUE
  first + seq_len(net$given - first)
}

# FALSE at the end.
keep_pulled <- function(state) {
  net <- state$net
  item <- pull_item(state)
  if (inherits(item, "condition")) fail_source(item, state)
  if (!is.list(item) || inherits(item, "condition")) return(FALSE)
  net$given <- net$given + 1
  net$values[net$given] <- item
  net$owner[net$given] <- 0L
  TRUE
}

# What a step has of its items; NULL without any. Their numbers among all items of the call tell
# what they draw.
block_of <- function(items, state) {
  if (length(items) == 0L) return(NULL)
  list(items = as_range(items), values = values_of_items(items, state),
       numbers = if (!is.null(state$plan$redo)) item_at(items, state$plan))
}

values_of_items <- function(items, state) {
  if (is.na(state$plan$n)) return(state$net$values[items])
  X <- state$net$frame$X # nolint: object_name_linter.
  if (!is.atomic(X) && !is.list(X)) X <- as.list(X) # nolint: object_name_linter.
  if (is.object(X)) lapply(items, function(i) X[[i]]) else unname(X[items])
}

# Two numbers for a row of them.
as_range <- function(items) {
  n <- length(items)
  is_row <- n > 2L && items[[n]] - items[[1L]] == n - 1
  if (is_row) structure(c(items[[1L]], n), class = "lomp_range") else items
}

all_of_range <- function(items) {
  if (!inherits(items, "lomp_range")) return(items)
  items <- unclass(items)
  items[[1L]] - 1 + as.numeric(seq_len(items[[2L]]))
}
