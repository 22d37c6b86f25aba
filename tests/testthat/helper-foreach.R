# For tests of foreach's loops.

if (requireNamespace("foreach", quietly = TRUE)) {
  foreach <- foreach::foreach
  `%:%` <- foreach::`%:%`
  `%dopar%` <- foreach::`%dopar%`
}

# Puts back the backend that was there, in the frame of the test that calls it.
local_backend <- function(register, frame = parent.frame()) {
  skip_if_not_installed("foreach")
  withr::defer(foreach::registerDoSEQ(), envir = frame)
  register
}

# The value of a loop, or of code with loops, by lomp with so many workers. The code says `%op%`.
loop_of <- function(code, frame) {
  function(op) {
    here <- new.env(parent = frame)
    here$`%op%` <- op
    here$foreach <- foreach::foreach
    here$`%:%` <- foreach::`%:%`
    here$when <- foreach::when
    here$times <- foreach::times
    here$icount <- iterators::icount
    here$iter <- iterators::iter
    eval(code, here)
  }
}

compared <- list2env(list(loops = 0))

# A loop's results are those of `%do%`, with and without workers: each third one with two of them.
expect_like_do <- function(code) {
  code <- substitute(code)
  run <- loop_of(code, parent.frame())
  local_backend(foreach::registerDoSEQ())
  expected <- run(foreach::`%do%`)
  compared$loops <- compared$loops + 1
  for (workers in c(0, 1 + (compared$loops %% 3 == 0))) {
    registerDoLomp(workers)
    expect_same(run(foreach::`%dopar%`), expected,
                paste(one_line_of(code), "by", workers, "workers"))
  }
}

one_line_of <- function(code) paste(trimws(deparse(code)), collapse = " ")
