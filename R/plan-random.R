# Random numbers: a state of its own for each item, whatever process runs it.

# The kind of normal numbers, in the hundreds of what `.Random.seed` begins with.
box_muller <- 2L

current_seed <- function() get0(".Random.seed", envir = globalenv(), inherits = FALSE)

# For items that are run in this process: what the generator was. Without a seed R remembers the
# kinds alone.
save_random <- function() {
  seed <- current_seed()
  list(seed = seed, kinds = if (is.null(seed)) RNGkind())
}

restore_random <- function(saved) {
  if (!is.null(saved$kinds) && !identical(RNGkind(), saved$kinds)) {
    # R warns of kinds that are there for the sake of old results; the caller has chosen them.
    suppressWarnings(do.call(RNGkind, as.list(saved$kinds)))
  }
  random_restore(saved$seed)
}

# What a call's items draw from, as new_call_random() gives it, and whether the caller had a
# generator. A call that goes on has the earlier one's seed. If that is from a file, and the
# caller's generator is what it was then, it advances as it would have; if it is another one the
# items are others, too, unless they draw nothing, or this session began them.
random_of <- function(plan) {
  redo <- plan$redo
  is_seeded <- !is.null(current_seed())
  if (is.null(redo$seed)) return(c(new_call_random(), is_seeded = is_seeded))
  earlier <- list(seed = redo$seed, pays = FALSE, is_seeded = isTRUE(redo$file$is_seeded))
  if (is.null(redo$file)) return(earlier)
  now <- c(new_call_random(), is_seeded = is_seeded)
  if (identical(now$seed, redo$seed)) return(now)
  is_own <- redo$file$id %in% the$written
  if (is_seeded && earlier$is_seeded && redo$file$drawn && !is_own) stop_other_seed()
  earlier
}

stop_other_seed <- function() {
  stop_argument(".redo", paste(
    "has results that were drawn from another seed: call set.seed() as before the call that began",
    "it, or rm(.Random.seed) to go on with the seed in the file"
  ))
}

# The draw by which the caller's generator advances. Items that this process runs leave no half of a
# pair of Box and Muller's, those of workers do: from here on it makes no difference which process
# ran them.
pay_random <- function(random, drawn, plan) {
  if (!random$pays) return()
  if (!drawn && (is.null(plan$redo) || !isTRUE(plan$redo$file$drawn))) return()
  random_draw()
  if (random$seed[[1L]] %/% 100L %% 100L == box_muller) RNGkind(normal.kind = "Box-Muller")
}

# ---- Iterators that are underway ----------------------------------------------------------------

# The caller's generator advances when an iterator's caller takes something that was drawn. Where it
# is a matter of time when that comes, it advances at the end: where results come as they are made,
# and where a producer, which may draw itself, is ahead of them by more or less.
pays_on_the_way <- function(plan) plan$ordered && is.null(plan$source)

# Until then another call may begin in the same state: it gets streams of another number, the first
# that no iterator holds which has begun in this state and hasn't paid yet. So what a call's items
# draw follows from the order of the caller's own steps, and not from how far workers are, nor from
# when R collects an iterator that nobody has closed.
new_call_random <- function() {
  holds <- the$holds
  if (length(holds$streams) == 0L || !is_state_of(holds)) return(new_random())
  stream <- setdiff(seq(0L, length(holds$streams)), holds$streams)[[1L]]
  random <- new_random(stream)
  holds$seed <- current_seed()  # the same state as a new object
  c(random, stream = stream)
}

# An iterator has begun: what release_stream() takes, or NULL.
hold_stream <- function(random) {
  seed <- current_seed()
  if (!random$pays || is.null(seed)) return(NULL)
  if (is.null(the$holds) || !is_state_of(the$holds)) {
    the$holds <- new.env(parent = emptyenv())
    the$holds$seed <- seed
  }
  stream <- if (is.null(random$stream)) 0L else random$stream
  the$holds$streams <- c(the$holds$streams, stream)
  list(holds = the$holds, stream = stream)
}

# It has paid, or has ended.
release_stream <- function(hold) {
  if (is.null(hold)) return()
  hold$holds$streams <- setdiff(hold$holds$streams, hold$stream)
}

# What an iterator's caller has taken was drawn, or its end has come. `drawn` as for pay_random().
pay_iterator <- function(state, drawn) {
  if (state$has_paid) return()
  state$has_paid <- TRUE
  release_stream(state$hold)
  pay_random(state$plan$random, drawn, state$plan)
}

# Is the generator in the state of these holds? Functions that might draw write it back as a new
# object even if they haven't. So does set.seed(), which is to begin anew: what looks as if it came
# from there is another state, though it has the same numbers.
is_state_of <- function(holds) {
  seed <- current_seed()
  if (!is.integer(seed) || length(seed) < 2L) return(FALSE)
  is_same_object(seed, holds$seed) || (!is_fresh(seed) && identical(seed, holds$seed))
}

# May set.seed() have made it? The Mersenne Twister's position tells, that of others could be any.
is_fresh <- function(seed) seed[[1L]] %% 100L != 3L || seed[[2L]] == 624L
