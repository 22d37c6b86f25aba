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

# What a call's items draw from, as new_random() gives it, and whether the caller had a generator. A
# call that goes on has the earlier one's seed. If that is from a file, and the caller's generator
# is what it was then, it advances as it would have; if it is another one the items are others, too,
# unless they draw nothing, or this session began them.
random_of <- function(plan, advance = FALSE) {
  redo <- plan$redo
  is_seeded <- !is.null(current_seed())
  if (is.null(redo$seed)) return(c(new_random(advance), is_seeded = is_seeded))
  earlier <- list(seed = redo$seed, pays = FALSE, is_seeded = isTRUE(redo$file$is_seeded))
  if (is.null(redo$file)) return(earlier)
  now <- c(new_random(), is_seeded = is_seeded)
  if (identical(now$seed, redo$seed)) return(if (advance) paid_in_advance(now) else now)
  is_own <- redo$file$id %in% the$written
  if (is_seeded && earlier$is_seeded && redo$file$drawn && !is_own) stop_other_seed()
  earlier
}

paid_in_advance <- function(random) {
  if (random$pays) random_draw()
  random$pays <- FALSE
  random
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
