# How much memory workers take of their own, and what follows from it.

skip_on_cran()
skip_without_proc()

# Numbers of pages that this process was given.
page_faults_here <- function() {
  as.numeric(strsplit(sub(".*\\) ", "", readLines("/proc/self/stat")), " ")[[1]][[8]])
}

has_huge_pages_here <- function() {
  file <- "/sys/kernel/mm/transparent_hugepage/enabled"
  file.exists(file) && !grepl("[never]", readLines(file), fixed = TRUE)
}

# Runs for a few milliseconds.
work <- function() for (k in seq_len(20000)) k

# ---- Few pages ----------------------------------------------------------------------------------

test_that("large temporaries of later items cost next to no fault", {
  skip_if_not(has_huge_pages_here(), "no huge pages")
  faults <- function(attempt) {
    by_item <- lomp_map(1:30, function(i) {
      before <- page_faults_here()
      x <- numeric(2^18) + i
      y <- x * 2
      c(sum(y) > 0, page_faults_here() - before)
    }, .workers = 1)
    sum(vapply(by_item[-1], function(x) x[[2]], 0))
  }
  # On a busy machine collections take longer, and are rarer; and huge pages may be gone.
  expect_lt(min(vapply(1:3, faults, 0)), 12000)  # 30,000 if each page is one
})

# ---- A budget -----------------------------------------------------------------------------------

# Each item keeps a megabyte, and tells by which process and what this one has kept. A worker may
# leave when it has been at work for much longer than its first items took: it keeps none of those.
keep_more <- function(n) {
  kept <- list()
  begun <- 0
  lomp_map(seq_len(n), function(i) {
    work()
    begun <<- begun + 1
    if (begun > 200) kept[[length(kept) + 1]] <<- numeric(2^17) + i
    c(i, Sys.getpid(), length(kept))
  }, .workers = 2)
}

test_that("a worker with more than its budget is replaced, and no item is run twice or left out", {
  with_options(list(lomp.worker_memory = 50e6), {
    for (attempt in 1:3) {
      got <- do.call(rbind, keep_more(1500))
      expect_equal(got[, 1], 1:1500)
      is_replaced <- length(unique(got[, 2])) > 2
      if (is_replaced) break
    }
  })
  expect_true(is_replaced)
})

test_that("without need no worker is replaced", {
  got <- do.call(rbind, keep_more(300))
  workers <- lomp_report()$workers
  expect_setequal(unique(got[, 2]), workers$pid[workers$items > 0])
  # One that is worn is, where this session has many objects and is about to look at old ones.
  expect_false("memory" %in% workers$why)
})

test_that("a budget that no worker can keep doesn't have one forked after the other", {
  pids <- with_options(list(lomp.worker_memory = 1e5), {
    vapply(lomp_map(1:300, function(i) {
      work()
      Sys.getpid()
    }, .workers = 2), identity, 0L)
  })
  expect_lte(length(unique(pids)), 6)
})

test_that("a budget must be a number of bytes", {
  with_options(list(lomp.worker_memory = "1 GB"), {
    expect_argument_error(lomp_map(1:2, identity), "option lomp.worker_memory")
    expect_messages(caught(lomp_map(1:2, identity)))
  })
})

# ---- Short memory -------------------------------------------------------------------------------

# The folder of a new group whose processes may have so many bytes, or NULL.
new_memory_group <- function(bytes) {
  limits <- list(
    "/sys/fs/cgroup/memory" = c("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "/sys/fs/cgroup" = c("memory.max", "memory.swap.max")
  )
  for (base in names(limits)) {
    group <- tempfile("lomp-", base)
    made <- suppressWarnings(dir.create(group))
    files <- file.path(group, limits[[base]])
    if (made && file.exists(files[[1]])) {
      for (file in files[file.exists(files)]) {
        value <- if (basename(file) == "memory.swap.max") 0 else bytes
        try(cat(sprintf("%.0f", value), file = file), silent = TRUE)
      }
      return(group)
    }
    if (made) unlink(group, recursive = TRUE)
  }
  NULL
}

# Runs the code's script in such a group; NULL if there is none.
in_memory_group <- function(bytes, run) {
  group <- new_memory_group(bytes)
  if (is.null(group)) return(NULL)
  on.exit({
    wait_until(length(readLines(file.path(group, "cgroup.procs"))) == 0L)
    system2("rmdir", shQuote(group))
  })
  run(sprintf("echo $$ > %s", shQuote(file.path(group, "cgroup.procs"))))
}

image <- function(k) matrix(seq_len(1e6) / k, 1000)

# What it makes meanwhile is nine times as large as the image.
describe <- function(m) {
  y <- m * 2
  z <- y + m
  s <- m
  for (k in 1:3) s <- s + z - y
  c(mean(s), stats::sd(m))
}

# Images of half a gigabyte make a session of six hundred megabytes.
describe_images <- function(engine) {
  values <- list(engine = engine, image = image, describe = describe)
  function(enter) {
    run_r(values = values, seconds = 240, before = enter, code = {
      images <- lapply(1:64, values$image)
      give(if (values$engine == "lomp") {
        results <- lomp::lomp_map(images, values$describe, .workers = 8)
        advice <- summary(lomp::lomp_report())$advice$id
        list(results = results, advice = advice)
      } else {
        suppressWarnings(parallel::mclapply(images, values$describe, mc.cores = 8))
      })
    })
  }
}

test_that("where mclapply's workers are killed for want of memory fewer of lomp's run", {
  theirs <- in_memory_group(900 * 2^20, describe_images("mclapply"))
  skip_if(is.null(theirs), "no control group to be had")
  right <- lapply(1:64, function(k) describe(image(k)))
  # What items will take is only known when they have: now and then it is more than there is.
  for (try in 1:3) {
    ours <- in_memory_group(900 * 2^20, describe_images("lomp"))
    if (identical(ours$value$results, right)) break
  }
  expect_false(identical(theirs$value, right))
  expect_identical(ours$value$results, right, info = told(ours))
  expect_true("short-memory" %in% ours$value$advice)
})

test_that("without more address space workers do as well as they can", {
  run <- run_r(before = "ulimit -v 800000", seconds = 120, code = {
    library(lomp)
    x <- lapply(1:20, function(k) matrix(seq_len(2.5e5) / k, 500))
    f <- function(m) c(mean(m * 2), stats::sd(m))
    give(identical(lomp_map(x, f, .workers = 2), lapply(x, f)))
  })
  expect_true(run$value, info = told(run))
})
