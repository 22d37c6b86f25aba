#!/usr/bin/env Rscript
# What calls cost in page faults, which unlike times can be counted on any machine: in this process,
# in the children; the private memory of the largest child, and what all processes took together,
# for lapply, lomp and mclapply; and what one bare fork costs. See README.md.
#
#   Rscript faults.R                       a table
#   Rscript faults.R --scenarios=small     only these, with commas between them
#   Rscript faults.R --check               lomp alone; fails where it takes more than it should
#   Rscript faults.R --record              lomp alone; writes faults.csv in the working directory

# ---- Scenarios ----------------------------------------------------------------------------------

give_back <- function(i) i

three_numbers <- function(i) c(i, i + 1, i * 2)

make_record <- function(i) {
  list(matrix(i + 0.5, 300, 300), id = i, names = paste("name", i, seq_len(2000)))
}

describe_image <- function(m) c(mean(m), stats::sd(m), range(m))

make_images <- function(n, side) {
  lapply(seq_len(n), function(k) matrix(seq_len(side^2) / k, side))
}

make_strings <- function(n) as.list(sprintf("this is the string with the number %09d", seq_len(n)))

# Shares of a list of strings, by their first and last ones.
make_shares <- function(n, shares) {
  ends <- round(seq(0, n, length.out = shares + 1))
  lapply(seq_len(shares), function(k) c(ends[[k]] + 1, ends[[k + 1]]))
}

make_reader <- function(strings) {
  force(strings)
  function(share) {
    total <- 0
    for (i in seq(share[[1]], share[[2]])) total <- total + nchar(strings[[i]])
    total
  }
}

# vapply in place of lapply.
make_vectors <- list(
  lapply = function(x, f) vapply(x, f, 0L),
  lomp = function(x, f) lomp::lomp_vapply(x, f, 0L, .workers = 2),
  mclapply = function(x, f) unlist(parallel::mclapply(x, f, mc.cores = 2))
)

# items(): what is mapped over. calls: how many calls one measurement has. earlier: how many of the
# same kind there are before it, whose results were dropped: what they leave free is in the heap.
# engines: what these do here, if that isn't a list's way. is_made: fun() makes the function that is
# mapped, with data that no other scenario should have beside it.
scenarios <- list(
  calls = list(title = "100 calls of 4 trivial items", items = function() 1:4, fun = give_back,
               calls = 100),
  small = list(title = "1e5 items, three numbers each", items = function() seq_len(1e5),
               fun = three_numbers, calls = 1),
  integers = list(title = "1e6 items, function(i) i", items = function() seq_len(1e6),
                  fun = give_back, calls = 1),
  vapply = list(title = "1e6 items, function(i) i, as one vector", items = function() seq_len(1e6),
                fun = give_back, calls = 1, engines = make_vectors),
  mixed = list(title = "200 lists: a 300 x 300 matrix, an id, 2000 strings",
               items = function() seq_len(200), fun = make_record, calls = 1),
  mixed_again = list(title = "the same, after two such calls whose results were dropped",
                     items = function() seq_len(200), fun = make_record, calls = 1, earlier = 2),
  images = list(title = "40 matrices of 2 MB: mean, sd, range",
                items = function() make_images(40, 512), fun = describe_image, calls = 1),
  strings = list(title = "a list of 1e6 strings, read in 8 shares",
                 items = function() make_shares(1e6, 8), is_made = TRUE,
                 fun = function() make_reader(make_strings(1e6)), calls = 1),
  each_string = list(title = "the same list, string by string",
                     items = function() make_strings(1e6), fun = nchar, calls = 1),
  big = list(title = "16 results of 16 MB", items = function() 1:16,
             fun = function(i) rep(i + 0.5, 2e6), calls = 1),
  startup = list(title = "2 items beside a vector of 512 MB", items = function() 1:2, calls = 1,
                 is_made = TRUE, fun = function() {
                   beside <- numeric(6.4e7) + 1
                   function(i) i + 0 * beside[[i]]
                 })
)

engines <- list(
  lapply = function(x, f) lapply(x, f),
  lomp = function(x, f) lomp::lomp_map(x, f, .workers = 2),
  mclapply = function(x, f) parallel::mclapply(x, f, mc.cores = 2),
  fork = function(x, f) parallel::mccollect(parallel::mcparallel(NULL))
)

# ---- One measurement, in a process of its own ---------------------------------------------------

# Of this process, and of those of its children that were waited for.
count_faults <- function() {
  fields <- strsplit(sub(".*\\) ", "", readLines("/proc/self/stat")), " ")[[1]]
  as.numeric(fields[c(8, 9)])
}

has_children <- function() {
  lists <- Sys.glob("/proc/self/task/*/children")
  any(nzchar(unlist(lapply(lists, function(path) {
    tryCatch(suppressWarnings(readLines(path, warn = FALSE)), error = function(cnd) "")
  }))))
}

# Where children are reaped by a thread, the call doesn't wait for that.
await_children <- function(seconds = 10) {
  end <- Sys.time() + seconds
  while (has_children() && Sys.time() < end) Sys.sleep(0.01)
}

# R compiles a function of a script when it is called for the second time, and reads its compiler
# from disk for that, and a package's functions when they are first called. Which call that happens
# in has nothing to do with what it costs.
faults_of <- function(scenario, run) {
  items <- scenario$items()
  if (isTRUE(scenario$is_made)) scenario$fun <- scenario$fun()
  for (k in 1:3) {
    run(seq_len(1000), function(i) i)
    count_faults()
  }
  for (k in seq_len(max(0, scenario$earlier))) run(items, scenario$fun)
  await_children()
  gc()
  before <- count_faults()
  for (k in seq_len(scenario$calls)) run(items, scenario$fun)
  parent <- count_faults()[[1]]  # to wait takes some itself
  await_children()
  (c(parent, count_faults()[[2]]) - before) / scenario$calls
}

private_mb <- function() {
  lines <- grep("^Private", readLines("/proc/self/smaps_rollup"), value = TRUE)
  sum(as.numeric(gsub("[^0-9]", "", lines))) / 1024
}

# The function, which writes down now and then how much private memory its process has, in a file of
# the process' own.
with_notes <- function(fun, every, folder) {
  n <- 0
  function(x) {
    value <- fun(x)
    n <<- n + 1
    if (n %% every == 0) {
      cat(private_mb(), "\n", file = file.path(folder, Sys.getpid()), append = TRUE)
    }
    value
  }
}

# The most that was resident of this process, in MB.
most_resident_mb <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

# Of the largest worker, NA where there are none; and of all processes together, over what the
# session had before: what it grew by at the most, and the most that each worker had.
memory_of <- function(scenario, name, run) {
  if (name == "fork") return(c(NA, NA))
  items <- scenario$items()
  if (isTRUE(scenario$is_made)) scenario$fun <- scenario$fun()
  folder <- tempfile()
  dir.create(folder)
  before <- most_resident_mb()
  results <- run(items, with_notes(scenario$fun, max(1, length(items) %/% 50), folder))
  if (length(results) != length(items)) stop("results are missing")
  grown <- most_resident_mb() - before
  files <- setdiff(list.files(folder), Sys.getpid())
  most <- vapply(file.path(folder, files), function(file) max(scan(file, quiet = TRUE)), 0)
  c(if (length(most) > 0) max(most) else NA, grown + sum(most))
}

measure_here <- function(scenario, engine) {
  of <- scenarios[[scenario]]
  run <- if (engine %in% names(of$engines)) of$engines[[engine]] else engines[[engine]]
  cat(faults_of(of, run), memory_of(of, engine, run), "\n")
}

# ---- The driver ---------------------------------------------------------------------------------

script <- function() {
  sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[[1]])
}

# Medians of several processes.
measure <- function(scenario, engine, times = 3) {
  runs <- vapply(seq_len(times), function(k) {
    line <- system2(file.path(R.home("bin"), "Rscript"),
                    c(shQuote(script()), "--cell", scenario, engine), stdout = TRUE)
    scan(text = utils::tail(line, 1), quiet = TRUE)
  }, numeric(4))
  medians <- apply(runs, 1, stats::median)
  data.frame(scenario = scenario, engine = engine, parent = round(medians[[1]]),
             children = round(medians[[2]]), private_mb = round(medians[[3]], 1),
             all_mb = round(medians[[4]], 1))
}

measure_all <- function(names, engine_names) {
  rows <- list()
  for (name in names) {
    cat("\n", scenarios[[name]]$title, "\n", sep = "")
    table <- do.call(rbind, lapply(engine_names, function(engine) measure(name, engine)))
    print(table[-1], row.names = FALSE)
    rows <- c(rows, list(table))
  }
  do.call(rbind, rows)
}

# How much more than recorded may be taken: as much as such counts vary between machines, of two of
# which the record has the larger ones. When a worker collects garbage depends on what pages and
# collections cost it, and so on what else the machine does.
slack <- 1.4

# What a worker may have of its own beside what its items need; some items have tens of megabytes,
# and strings are copied where they are read.
most_private_mb <- 110

# Prints what takes too much; TRUE if nothing does.
is_within <- function(measured, recorded) {
  both <- merge(measured, recorded, by = c("scenario", "engine"), suffixes = c("", ".recorded"))
  if (nrow(both) != nrow(measured)) stop("a scenario has no record: run faults.R --record")
  limits <- data.frame(
    parent = slack * both$parent.recorded,
    children = slack * both$children.recorded,
    private_mb = pmax(most_private_mb, slack * both$private_mb.recorded)
  )
  ok <- TRUE
  for (what in names(limits)) {
    for (k in which(both[[what]] > limits[[what]])) {
      ok <- FALSE
      cat(sprintf("%s: %s is %s, and was %s\n", both$scenario[[k]], what, both[[what]][[k]],
                  both[[paste0(what, ".recorded")]][[k]]))
    }
  }
  ok
}

main <- function(arguments) {
  if (identical(arguments[1], "--cell")) return(measure_here(arguments[[2]], arguments[[3]]))
  chosen <- sub("^--scenarios=", "", grep("^--scenarios=", arguments, value = TRUE))
  names <- if (length(chosen) > 0) strsplit(chosen, ",")[[1]] else names(scenarios)
  alone <- any(c("--check", "--record") %in% arguments)
  measured <- measure_all(names, if (alone) "lomp" else names(engines))
  if ("--record" %in% arguments) utils::write.csv(measured, "faults.csv", row.names = FALSE)
  if (!"--check" %in% arguments) return(invisible())
  recorded <- utils::read.csv(file.path(dirname(script()), "faults.csv"))
  if (!is_within(measured, recorded)) quit(status = 1)
}

main(commandArgs(TRUE))
