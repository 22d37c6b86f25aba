# Large results: they arrive as they are, without a copy in this process.

# These take too long for each of CRAN's machines.
skip_on_cran()

# Bytes above which the elements of a vector travel beside its record.
threshold <- 128 * 1024

skip_unless_linux <- function() skip_if_not(file.exists("/proc/self/maps"), "no /proc")

# Mappings of results in this process.
mappings <- function() length(payload_mappings())

large <- function(type, n = 40000) {
  switch(type,
    logical = rep_len(c(TRUE, NA, FALSE), n), integer = rev(seq_len(n)) + 0L,
    double = c(NA, NaN, -Inf, seq_len(n) / 7), complex = complex(n, 1:n, -1),
    raw = as.raw(rep_len(0:255, 8 * n)), character = sprintf("text %d \u00e9", seq_len(n))
  )
}
types <- c("logical", "integer", "double", "complex", "raw", "character")

expect_same <- function(values, workers = 2) {
  results <- lomp_map(values, identity, .workers = workers)
  expect_identical(results, as.list(values))
  invisible(results)
}

test_both_ways("large vectors of all types come back as they are", {
  values <- lapply(types, large)
  results <- expect_same(values)
  expect_identical(lapply(results, serialize, NULL), lapply(values, serialize, NULL))
})

test_both_ways("vectors around the threshold come back as they are", {
  expect_same(lapply(threshold + (-2:2), raw))
  expect_same(lapply(threshold / 8 + (-2:2), numeric))
})

test_both_ways("large parts anywhere in a result come back as they are", {
  frame <- data.frame(a = 1:50000, b = rnorm(50000), c = factor(rep_len(letters, 50000)))
  matrix <- matrix(runif(90000), 300, dimnames = list(NULL, paste0("v", 1:300)))
  nested <- list(matrix, list(x = frame, y = list(large("raw"), NULL, "text")), id = 7)
  noted <- structure(large("double"), class = "mine", note = "kept")
  expect_same(list(frame, matrix, nested, noted))
})

test_both_ways("large parts of what R serializes come back as they are", {
  holder <- new.env()
  holder$x <- large("double")
  methods::setClass("Large", representation(x = "numeric"), where = environment())
  s4 <- methods::new("Large", x = large("double"))
  values <- list(holder, function(y) y, large("character"), list(large("integer"), quote(a)))
  results <- lomp_map(values, identity, .workers = 2)
  expect_identical(results[[1]]$x, holder$x)
  expect_identical(results[3:4], values[3:4])
  expect_identical(lomp_map(1, function(i) s4, .workers = 1)[[1]], s4)
})

test_both_ways("an input that is also the result comes back, and compact sequences stay compact", {
  x <- large("double")
  expect_identical(lomp_map(1:3, function(i) x, .workers = 2), list(x, x, x))
  expect_identical(lomp_map(1:2, function(i) 1:1e6, .workers = 2), list(1:1000000, 1:1000000))
})

test_that("an image's worth of strings comes back as it is", {
  strings <- lapply(1:4, function(k) sprintf("%d: %s", 1:60000, strrep("x", k)))
  expect_same(strings)
  expect_same(strings, workers = 1)
})

test_both_ways("to change a result changes nothing else", {
  results <- lomp_map(1:2, function(i) rep(i + 0, 50000), .workers = 2)
  copy <- results[[1]]
  results[[1]][7] <- -1
  expect_identical(results[[1]][6:8], c(1, -1, 1))
  expect_identical(copy[7], 1)
  expect_identical(unique(results[[2]]), 2)
  seen <- lomp_map(1:2, function(i) {
    results[[i]][1] <<- 100
    results[[i]][1:2]
  }, .workers = 2)
  expect_identical(seen, list(c(100, 1), c(100, 2)))
  expect_identical(results[[1]][1:2], c(1, 1))
})

test_that("results are ordinary vectors to all of R", {
  x <- lomp_map(1, function(i) as.numeric(100000:1), .workers = 1)[[1]]
  expect_identical(sort(x), as.numeric(1:100000))
  expect_identical(object.size(x), object.size(as.numeric(1:100000)))
  expect_identical(x[c(1, 100000, NA)], c(100000, 1, NA))
  x[100001] <- 5
  expect_identical(tail(x, 2), c(1, 5))
  expect_identical(sum(x), sum(as.numeric(1:100000)) + 5)
  expect_false(any(grepl("lomp", utils::capture.output(.Internal(inspect(x))))))
})

test_both_ways("results can be saved and read where lomp isn't", {
  file <- tempfile()
  on.exit(unlink(file))
  x <- lomp_map(1, function(i) large("double"), .workers = 1)[[1]]
  saveRDS(list(x, "end"), file)
  code <- sprintf("x <- readRDS('%s'); cat(length(x[[1]]), x[[2]], loadedNamespaces())", file)
  shown <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)),
                   stdout = TRUE)
  expect_match(shown, "^40003 end ")
  expect_no_match(shown, "lomp")
})

test_both_ways("a session that holds results can be forked by others", {
  x <- lomp_map(1:3, function(i) rep(i + 0, 50000), .workers = 2)
  sums <- parallel::mclapply(x, sum, mc.cores = 2)
  expect_identical(sums, list(50000, 100000, 150000))
  again <- lomp_map(x, function(v) lomp_map(list(v), function(w) w * 2, .workers = 1)[[1]],
                    .workers = 2)
  expect_identical(lapply(again, unique), list(2, 4, 6))
  expect_identical(lapply(x, unique), list(1, 2, 3))
})

test_both_ways("results outlive the package", {
  skip_on_cran()
  run <- run_r(code = {
    x <- lomp::lomp_map(1:2, function(i) rep(i + 0, 50000), .workers = 2)
    library <- getLoadedDLLs()[["lomp"]][["path"]]
    unloadNamespace("lomp")
    dyn.unload(library)
    sums <- vapply(x, sum, 0)
    rm(x)
    gc()
    give(sums)
  })
  expect_identical(run$value, c(50000, 100000))
})

test_both_ways("a result of a megabyte is mapped, not copied", {
  skip_unless_linux()
  gc()
  before <- mappings()
  x <- lomp_map(1, function(i) rev(seq_len(2^17)) / 7, .workers = 1)[[1]]
  expect_identical(mappings() - before, 1L)
  expect_identical(x, rev(seq_len(2^17)) / 7)
  rm(x)
  gc()
  expect_identical(mappings(), before)
})

test_both_ways("nothing is left of large results", {
  expect_no_leaks({
    x <- lomp_map(1:4, function(i) list(numeric(1e5), large("character")), .workers = 2)
    rm(x)
    gc()
  })
  expect_no_leaks(caught(lomp_map(1:8, function(i) if (i == 5) stop("no") else numeric(1e5),
                                  .workers = 2)))
  expect_no_leaks(suppressWarnings(lomp_map(1:8, function(i) {
    if (i == 5) tools::pskill(Sys.getpid(), tools::SIGKILL)
    numeric(1e5)
  }, .workers = 2, .on_error = "collect")))
})

test_both_ways("where descriptors, files or address space are short, results are still right", {
  skip_on_cran()
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  limits <- c("--nofile=20:20", "--fsize=100000:100000", "--as=1500000000:1500000000")
  # Each in a process that knows nothing of the other limits.
  run <- run_r(values = list(limits = limits), code = {
    library(lomp)
    limited <- function(limit) {
      invisible(lomp_map(1:2, identity, .workers = 2))
      system2("prlimit", c(paste0("--pid=", Sys.getpid()), limit))
      f <- function(i) list(rep(i + 0, 1e5), rep("text", 5e4), i)
      identical(lomp_map(1:20, f, .workers = 2), lapply(1:20, f))
    }
    in_own_process <- function(limit) {
      parallel::mccollect(parallel::mcparallel(limited(limit)))[[1]]
    }
    give(lapply(limits, in_own_process))
  })
  expect_length(run$value, length(limits))
  for (k in seq_along(limits)) {
    expect_true(run$value[[k]], label = paste("the result with", limits[[k]]))
  }
})

# Where the kernel has no single mapping for twice the result, as for those of more than half of the
# machine's memory; and where R's own limit, by default the machine's memory, has no room for both a
# result and its ballast, which is looked at from 256 MB on.
test_both_ways("results of more than half of what there is are mapped, not copied", {
  skip_on_cran()
  skip_unless_linux()
  skip_if(free_megabytes() < 2000, "there is not enough memory")
  values <- list(injector = native("inject.c"), payload_mappings = payload_mappings)
  before <- sprintf("export LD_PRELOAD=%s", shQuote(values$injector))
  run <- run_r(values = values, before = before, env = c(R_MAX_VSIZE = "433M"), code = {
    library(lomp)
    dyn.load(injector)
    environment(payload_mappings) <- globalenv()
    try_large <- function(megabytes, failing) {
      .C("inject_arm", failing)
      n <- megabytes * 2^20 / 8
      try_one <- function() {
        x <- lomp_map(1, function(i) rep(1, n), .workers = 1)[[1]]
        c(mapped = length(payload_mappings()), right = length(x) == n && x[[n]] == 1)
      }
      results <- replicate(2, try_one())
      gc()
      list(results = results, left = length(payload_mappings()))
    }
    # Each in a process that has had no large result before.
    in_own_process <- function(...) {
      parallel::mccollect(parallel::mcparallel(try_large(...)))[[1]]
    }
    give(list(in_own_process(70, "mmap>100"), in_own_process(260, "")))
  })
  expect_length(run$value, 2)
  for (tried in run$value) {
    expect_equal(unname(tried$results["right", ]), rep(1, 2), info = told(run))
    expect_equal(unname(tried$results["mapped", 1]), 1)
    expect_equal(tried$left, 0)
  }
})

test_both_ways("a large result that can neither be mapped nor copied is its item's failure", {
  skip_on_cran()
  skip_unless_linux()
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  run <- run_r(code = {
    library(lomp)
    session <- Sys.getpid()
    limit <- function(free) {
      lines <- readLines(sprintf("/proc/%d/status", session))
      now <- 1024 * as.numeric(gsub("[^0-9]", "", grep("^VmSize", lines, value = TRUE)))
      system2("prlimit", c(paste0("--pid=", session), sprintf("--as=%.0f:", now + free)))
    }
    call <- function(n, ready) {
      f <- function(i) if (i == 1) ready() else numeric(n)
      lomp_map(1:2, f, .workers = 1, .on_error = "collect")
    }
    invisible(call(1e5, Sys.getpid))
    # Workers that are there already have no such limit.
    results <- suppressWarnings(call(1.1e7, function() limit(3e7)))
    system2("prlimit", c(paste0("--pid=", session), "--as=unlimited:"))
    it <- lomp_iterate(1, function(i) numeric(1.1e7), .workers = 1, .on_error = "collect")
    limit(3e7)
    give(list(results = results, result = it(), end = lomp_done(suppressWarnings(it()))))
  })
  expect_s3_class(run$value$result, "lomp_error")
  expect_match(conditionMessage(run$value$result), "item 1: its result can't be read here")
  expect_true(run$value$end)
  expect_identical(run$value$results[[1]], 0L)
  expect_match(conditionMessage(run$value$results[[2]]), "item 2: its result can't be read here")
})

# A stream's large results are made in the same files again. A worker emits how many it has open.
own_files <- function() {
  sum(grepl("memfd:lomp|/lomp-", Sys.readlink(dir("/proc/self/fd", full.names = TRUE))))
}

test_both_ways("what is kept of a stream of large results stays as it was", {
  set.seed(1)
  it <- lomp_iterate(1:150, function(i) rep(i + 0.5, 20000 + i %% 7 * 1000), .workers = 2)
  kept <- list()
  items <- integer()
  while (!lomp_done(value <- it())) {
    item <- lomp_item(it)
    if (!identical(range(value), rep(item + 0.5, 2))) fail(paste("item", item, "is wrong"))
    if (runif(1) < 0.4) {
      if (runif(1) < 0.5) value[1] <- -1
      kept[[length(kept) + 1]] <- value
      items <- c(items, item)
    }
    if (runif(1) < 0.1) gc()
  }
  expect_gt(length(kept), 40)
  expect_identical(vapply(kept, function(x) x[[2]], 0), items + 0.5)
  expect_true(all(vapply(kept, function(x) length(unique(x[-1])), 0L) == 1L))
})

test_both_ways("large results that are dropped are made in few files", {
  skip_unless_linux()
  it <- lomp_iterate(1:80, function(i) structure(numeric(2e5), files = own_files()), .workers = 1)
  files <- integer()
  while (!lomp_done(value <- it())) files <- c(files, attr(value, "files"))
  expect_lte(max(files), 17)
  expect_gt(max(files), 1)
})

test_both_ways("a forked process keeps the results that it was forked with", {
  skip_unless_linux()
  path <- withr::local_tempfile()
  system2("mkfifo", path)
  it <- lomp_iterate(1:40, function(i) rep(i + 0, 50000), .workers = 1)
  value <- it()
  first <- value[[1]]
  child <- parallel::mcparallel({
    await_word(path)
    range(value)
  })
  rm(value)
  gc()
  while (!lomp_done(it())) gc(full = FALSE)
  give_word(path)
  expect_identical(parallel::mccollect(child)[[1]], c(first, first))
})

# ---- What one costs -----------------------------------------------------------------------------

# The names of the system calls of a process while so many results come, once for each number.
calls_of_results <- function(numbers) {
  log <- tempfile("strace")
  run <- run_r(values = list(numbers = numbers), code = {
    library(lomp)
    f <- function(i) numeric(4e4) + i
    lomp_map(1:2, f, .workers = 2)
    lengths <- integer()
    for (n in numbers) {
      file.exists("/begin")
      results <- lomp_map(seq_len(n), f, .workers = 2)
      file.exists("/end")
      lengths <- c(lengths, length(results))
      rm(results)
      gc()
    }
    give(lengths)
  }, command = paste("strace -o", shQuote(log), rscript_command()))
  if (!identical(run$value, numbers)) return(NULL)
  lines <- lines_of(log)
  names <- sub("[(].*", "", lines)
  Map(function(begin, end) table(names[begin:end]), grep('"/begin"', lines), grep('"/end"', lines))
}

test_that("a large result takes five system calls of this process", {
  skip_on_cran()
  skip_on_portable_build()
  skip_if_not(system("strace -o /dev/null true", ignore.stderr = TRUE) == 0, "no strace")
  calls <- calls_of_results(c(20L, 220L))
  few <- sum(calls[[1]])
  many <- calls[[2]]
  # Polls and reads are of frames, which hold one record or many; memory is R's and malloc()'s.
  of_frames <- c("poll", "read", "madvise", "brk", "getrusage")
  expect_lt(sum(many[!names(many) %in% of_frames]), few + 200 * 5.4)
  expect_gt(many[["recvmsg"]], 150)
})
