# Results that have places in one vector, from small values and from large ones.

# These start many processes and take their time.
skip_on_cran()

# So many doubles are written into a file by their workers.
many <- 20000
large <- function(i) rep(i + 0.5, many)
expected <- vapply(1:6, large, numeric(many))

test_that("a million small values cost this process few page faults", {
  skip_without_proc()
  run <- run_r({
    library(lomp)
    count_faults <- function() {
      as.numeric(strsplit(sub(".*\\) ", "", readLines("/proc/self/stat")), " ")[[1]][[8]])
    }
    x <- seq_len(1e6)
    f <- function(i) i
    faults <- vapply(1:4, function(k) {
      before <- count_faults()
      result <- lomp_vapply(x, f, 0, .workers = 2)
      count_faults() - before + if (identical(result, as.numeric(x))) 0 else NA
    }, 0)
    # The first call loads what R has on disk until it is used.
    give(min(faults[-1]))
  })
  # 1e6 R objects would be 14,000 pages, and a vector of 4 KB pages is 2,000.
  expect_lt(run$value, 2500)
})

# The kernel seals no file of which it moves a page just then, as it does where memory is scarce:
# such a result is copied.
test_both_ways("large values come as a mapping, which is one vector", {
  skip_if_not(file.exists("/proc/self/maps"), "no /proc")
  before <- length(payload_mappings())
  for (attempt in 1:5) {
    result <- lomp_vapply(1:6, large, numeric(many), .workers = 2)
    if (length(payload_mappings()) > before) break
  }
  expect_length(payload_mappings(), before + 1)
  expect_identical(result, expected)
  result[1, 1] <- 0
  expect_identical(result[-1, ], expected[-1, ])
  rm(result)
  invisible(gc())
  expect_length(payload_mappings(), before)
})

test_that("what a process that outlives the call writes to the file changes nothing", {
  skip_without_proc()
  skip_if(Sys.which("setsid") == "", "no setsid")
  with_flag(function(flag) {
    script <- paste0(
      "exec 9<>/proc/%d/fd/%s; touch %s-open; until [ -e %s-go ]; do sleep 0.01; done; ",
      "head -c 100000 /dev/zero | dd of=/proc/self/fd/9 bs=4096 seek=2 conv=notrunc; ",
      "touch %s-done"
    )
    result <- suppressWarnings(lomp_vapply(1:6, function(i) {
      if (i != 3) return(large(i))
      files <- list.files("/proc/self/fd", full.names = TRUE)
      size <- file.size(files[grepl("memfd:lomp", Sys.readlink(files))])
      number <- basename(files[grepl("memfd:lomp", Sys.readlink(files))][size > 6 * 8 * many])
      code <- sprintf(script, Sys.getpid(), number, flag, flag, flag)
      system(paste("setsid sh -c", shQuote(code), ">/dev/null 2>&1"), wait = FALSE)
      wait_for(paste0(flag, "-open"))
      tools::pskill(Sys.getpid(), tools::SIGKILL)
    }, numeric(many), .workers = 1, .on_error = "collect"))
    raise(paste0(flag, "-go"))
    wait_for(paste0(flag, "-done"))
    expect_identical(result[, -3], expected[, -3])
    expect_true(all(is.na(result[, 3])))
  })
})

test_that("a value whose worker died half-way is NA as a whole", {
  halves <- function(i) {
    if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
    large(i)
  }
  result <- suppressWarnings(lomp_vapply(1:6, halves, numeric(many), .workers = 2,
                                         .on_error = "collect"))
  expect_true(all(is.na(result[, 2])))
  expect_identical(result[, -2], expected[, -2])
  fails <- function(i) if (i == 2) stop("no") else as.raw(rep(i, 2e5))
  bytes <- suppressWarnings(lomp_vapply(1:3, fails, raw(2e5), .workers = 2, .on_error = "collect"))
  expect_identical(bytes, cbind(as.raw(rep(1, 2e5)), raw(2e5), as.raw(rep(3, 2e5))))
})

test_that("what an item forks or starts doesn't have the file", {
  skip_if_not(file.exists("/proc/self/fd"), "no /proc")
  has_file <- function(pid = "self") {
    files <- list.files(file.path("/proc", pid, "fd"), full.names = TRUE)
    any(grepl("memfd:lomp", Sys.readlink(files)) & file.size(files) > 2 * 8 * many)
  }
  seen <- lomp_vapply(1:2, function(i) {
    forked <- parallel::mccollect(parallel::mcparallel(has_file()))[[1]]
    started <- system("ls -lL /proc/self/fd | awk '$5 > 320000 && $1 ~ /rwx/'", intern = TRUE)
    c(has_file(), forked, length(started) > 0, numeric(many))
  }, numeric(many + 3), .workers = 2)
  expect_identical(seen[1:3, ], matrix(c(1, 0, 0, 1, 0, 0), 3))
})

test_that("where the file is closed or has no room values come in another way", {
  faults <- native("faults.c")
  skip_if(Sys.which("prlimit") == "", "no prlimit")
  close_it <- function() {
    dyn.load(faults)
    files <- list.files("/proc/self/fd", full.names = TRUE)
    for (file in basename(files[grepl("memfd:lomp", Sys.readlink(files))])) {
      .C("close_file", as.integer(file))
    }
  }
  limit_it <- function() {
    system2("prlimit", c("--pid", Sys.getpid(), "--fsize=10000:"))
  }
  for (spoil in list(close_it, limit_it)) {
    result <- lomp_vapply(1:6, function(i) {
      if (i %% 2 == 0) spoil()
      large(i)
    }, numeric(many), .workers = 2)
    expect_identical(result, expected)
  }
})

test_that("a session whose files may not be so large has the results in its memory", {
  run <- run_r(values = list(large = large, many = many), before = "ulimit -f 200", code = {
    library(lomp)
    give(lomp_vapply(1:6, large, numeric(many), .workers = 2)[c(1, many), ])
  })
  # What give() writes is small enough for that, too.
  expect_identical(run$value, expected[c(1, many), ])
})

test_that("where there are no files in memory, large values come from one on disk", {
  program <- native("deny_syscalls.c", program = TRUE)
  run <- run_r(values = list(large = large, many = many),
               command = paste(shQuote(program), "ENOSYS", rscript_command()), code = {
    library(lomp)
    result <- lomp_vapply(1:6, large, numeric(many), .workers = 2)
    # It can't be sealed: so it isn't mapped, but copied.
    mappings <- grep("/lomp-", readLines("/proc/self/maps"), value = TRUE)
    give(list(result = result, mappings = length(mappings)))
  })
  skip_if(isTRUE(run$status == 77L), "the kernel takes no filter")
  expect_identical(run$value$result, expected)
  expect_identical(run$value$mappings, 0L)
})
