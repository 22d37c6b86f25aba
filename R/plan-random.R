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

# The draw by which the caller's generator advances. Items that this process runs leave no half of a
# pair of Box and Muller's, those of workers do: from here on it makes no difference which process
# ran them.
pay_random <- function(random, drawn) {
  if (!random$pays || !drawn) return()
  random_draw()
  if (random$seed[[1L]] %/% 100L %% 100L == box_muller) RNGkind(normal.kind = "Box-Muller")
}
