# Compares lomp with lapply and with the other ways to map a function in parallel in R.
#
#   Rscript peers.R --help
#
# Every measurement is a fresh R process: scenario x engine x repetition, the engines in turn within
# a repetition, so that a noisy minute of the machine hits all of them alike. Memory is sampled in a
# run of its own, because reading smaps_rollup takes locks that the measured processes need too.
# The file has five parts, each on top of the one before: scenarios, engines, the measured process,
# the driver that starts and watches it, and the report. The first two are data: a new scenario or
# engine is one more list element.

# ---- scenarios ---------------------------------------------------------------------------------

# The functions under test are defined at top level, or made by a maker whose frame holds nothing
# else, so that an engine which has to send the function ships no more than the function needs.

give_back <- function(i) i

three_numbers <- function(i) c(i, i + 1, i * 2)

# A plain Sys.sleep(0.005) overshoots by several percent, which would be charged to the schedule.
# So most of the time is slept and the last millisecond ends by the clock: the duration is exact,
# and it doesn't depend on what else the processors are doing.
wait_exactly <- function(seconds) {
  end <- as.numeric(Sys.time()) + seconds
  Sys.sleep(max(0, seconds - 0.001))
  while (as.numeric(Sys.time()) < end) NULL
  seconds
}

describe_image <- function(m) c(mean(m), stats::sd(m), range(m))

make_vector_maker <- function(length) {
  force(length)
  function(i) rep(i + 0.5, length)
}

make_record_maker <- function(side, strings) {
  force(side)
  force(strings)
  function(i) {
    list(
      matrix = matrix(i + seq_len(side * side) / 7, side, side),
      id = i,
      labels = sprintf("item %d label %d", i, seq_len(strings))
    )
  }
}

make_share_reader <- function(strings) {
  force(strings)
  function(share) {
    total <- 0
    for (i in seq(share[[1]], share[[2]])) total <- total + nchar(strings[[i]])
    total
  }
}

make_row_summer <- function(m) {
  force(m)
  function(block) rowSums(m[seq(block[[1]], block[[2]]), , drop = FALSE])
}

describe_one_of <- function(i, images) {
  m <- images[[(i - 1) %% length(images) + 1]]
  c(mean(m), stats::sd(m), range(m))
}

# By the clock, as in wait_exactly().
busy_wait <- function(seconds) {
  force(seconds)
  function(i) {
    end <- as.numeric(Sys.time()) + seconds
    while (as.numeric(Sys.time()) < end) NULL
    i
  }
}

make_lister <- function(each) {
  force(each)
  function(i) lapply(seq_len(each), function(k) i * k)
}

make_emitter <- function(each) {
  force(each)
  function(i, emit) for (k in seq_len(each)) emit(i * k)
}

setup_counting <- function(n) list(items = seq_len(n), fun = give_back)

setup_uneven <- function(n, longest) {
  half <- rep(0.005, n / 2)
  list(items = c(half, longest, half), fun = wait_exactly)
}

# Every page is written, so that there is a page table for a fork to copy.
setup_beside <- function(bytes) {
  list(items = 1:2, fun = give_back, beside = numeric(bytes / 8))
}

setup_images <- function(n, bytes) {
  set.seed(1)
  base <- matrix(stats::runif(bytes / 8), ncol = 1000)
  list(items = lapply(seq_len(n), function(k) base * k), fun = describe_image)
}

setup_big <- function(n, bytes) {
  list(items = seq_len(n), fun = make_vector_maker(bytes / 8))
}

# Data that each item needs: they go to each machine, or to each worker, or with each task.
setup_constant <- function(n, images, bytes) {
  base <- matrix(as.numeric(seq_len(bytes / 8)), ncol = 100)
  list(
    items = seq_len(n), fun = describe_one_of,
    constant = lapply(seq_len(images), function(k) base / k)
  )
}

setup_busy <- function(n, seconds) list(items = seq_len(n), fun = busy_wait(seconds))

setup_mixed <- function(n, side, strings) {
  list(items = seq_len(n), fun = make_record_maker(side, strings))
}

setup_strings <- function(n, shares) {
  strings <- as.list(sprintf("this is the string with the number %09d", seq_len(n)))
  ends <- round(seq(0, n, length.out = shares + 1))
  items <- lapply(seq_len(shares), function(k) c(ends[[k]] + 1, ends[[k + 1]]))
  list(items = items, fun = make_share_reader(strings))
}

describe_here <- function(task, workers) lapply(task$items, task$fun, images = task$constant)

describe_by_forks <- function(task, workers) {
  lomp::lomp_map(task$items, task$fun, images = task$constant, .workers = workers)
}

describe_on_machines <- function(machines) {
  force(machines)
  function(task, workers) {
    lomp::lomp_map(
      task$items, task$fun, images = task$constant, .compute = profile,
      .workers = max(1, workers %/% machines)
    )
  }
}

describe_by_tasks <- function(task, workers) {
  sent <- list(images = task$constant)
  mirai::mirai_map(task$items, task$fun, .args = sent, .compute = profile)[]
}

describe_by_futures <- function(task, workers) {
  future.apply::future_lapply(task$items, task$fun, images = task$constant)
}

# Blocks of rows of one matrix, by their first and last ones.
setup_rows <- function(rows, columns, blocks) {
  m <- matrix(as.numeric(seq_len(rows * columns)), rows)
  ends <- round(seq(0, rows, length.out = blocks + 1))
  items <- lapply(seq_len(blocks), function(k) c(ends[[k]] + 1, ends[[k + 1]]))
  list(items = items, fun = make_row_summer(m))
}

# The sum of so many integers would overflow; these doubles add up exactly in any order.
setup_stream <- function(n, each) {
  list(items = as.numeric(seq_len(n)), fun = make_lister(each), emitting = make_emitter(each))
}

count_and_sum <- function(lists) {
  numbers <- unlist(lists)
  c(length(numbers), sum(numbers))
}

# Of large vectors one element each is read, so that what is measured is how they arrive.
sum_firsts <- function(vectors) sum(vapply(vectors, function(v) v[[1]], 0))

# A column for each item: vapply, and what is done instead where there is only a list.
make_columns <- function(task, workers) vapply(task$items, task$fun, numeric(4))

map_columns <- function(task, workers) {
  lomp::lomp_vapply(task$items, task$fun, numeric(4), .workers = workers)
}

bind_columns <- function(results) do.call(cbind, results)

# The package shard as its documentation has it: the list is shared, the results go into a buffer.
fill_buffer <- function(task, workers) {
  x <- lapply(task$items, shard::as_shared)
  out <- shard::buffer("double", dim = c(4L, length(x)))
  shard::shard_map(
    shard::shards(length(x), workers = workers), fill_columns, borrow = list(x = x),
    out = list(out = out), workers = workers
  )
  out[, seq_along(x)]
}

# It goes to shard's workers, with all that its frame would hold.
fill_columns <- function(shard, x, out) {
  for (i in shard$idx) {
    m <- x[[i]]
    out[, i] <- c(mean(m), stats::sd(m), range(m))
  }
}

# vapply, and what is done instead where there is only a list.
make_numbers <- function(task, workers) vapply(task$items, task$fun, 0L)

map_numbers <- function(task, workers) {
  lomp::lomp_vapply(task$items, task$fun, 0L, .workers = workers)
}

# What an engine that returns all results at once does with a stream.
map_then <- function(consume, engine) {
  force(consume)
  force(engine)
  function(task, workers) consume(engines[[engine]]$run(task$items, task$fun, workers))
}

take_list <- function(task, workers) {
  count_and_sum(as.list(lomp::lomp_iterate(task$items, task$emitting, .workers = workers)))
}

# Attached, as a user has it, lomp_done() is found faster than with `lomp::` a million times.
take_numbers <- function(task, workers) {
  it <- lomp::lomp_iterate(task$items, task$emitting, .workers = workers)
  is_end <- lomp::lomp_done
  count <- 0
  total <- 0
  while (!is_end(number <- it())) {
    count <- count + 1
    total <- total + number
  }
  c(count, total)
}

take_vectors <- function(task, workers) {
  it <- lomp::lomp_iterate(task$items, task$fun, .workers = workers)
  total <- 0
  while (!lomp::lomp_done(vector <- it())) total <- total + vector[[1]]
  total
}

make_vectors_in_turn <- function(task, workers) {
  total <- 0
  for (i in task$items) {
    vector <- task$fun(i)
    total <- total + vector[[1]]
  }
  total
}

# The items of a stream are made one after the other by a function that gives NULL at the end.
setup_produced <- function(n, bytes) {
  list(items = seq_len(n), fun = function(vector) vector[[1]], make = make_vector_maker(bytes / 8))
}

producer_of <- function(task) {
  at <- 0
  function() if (at < length(task$items)) task$make(task$items[[at <<- at + 1]])
}

produce_only <- function(task, workers) {
  produce <- producer_of(task)
  total <- 0
  while (!is.null(vector <- produce())) total <- total + task$fun(vector)
  total
}

map_produced <- function(task, workers) {
  produce <- producer_of(task)
  end <- lomp::lomp_done()
  items <- function() if (is.null(vector <- produce())) end else vector
  Reduce(`+`, lomp::lomp_map(items, task$fun, .workers = workers), 0)
}

iterate_produced <- function(task, workers) {
  BiocParallel::bpiterate(
    producer_of(task), task$fun, REDUCE = `+`, init = 0,
    BPPARAM = BiocParallel::MulticoreParam(workers)
  )
}

# A task for each daemon is underway while the next item is made.
send_produced <- function(task, workers) {
  produce <- producer_of(task)
  total <- 0
  underway <- list()
  while (!is.null(vector <- produce())) {
    if (length(underway) == workers) {
      total <- total + underway[[1]][]
      underway <- underway[-1]
    }
    # `fun` is what the daemon knows it by, which lintr can't know.
    one <- mirai::mirai(fun(vector), fun = task$fun, vector = vector) # nolint: object_usage_linter.
    underway <- c(underway, list(one))
  }
  for (one in underway) total <- total + one[]
  total
}

# bpiterate() asks for items until it gets NULL, and adds up what consume() makes of each result.
reduce_with <- function(consume, start) {
  force(consume)
  force(start)
  function(task, workers) {
    at <- 0
    next_item <- function() if (at < length(task$items)) task$items[[at <<- at + 1]]
    BiocParallel::bpiterate(
      next_item, task$fun, REDUCE = function(sum, result) sum + consume(result), init = start,
      BPPARAM = BiocParallel::MulticoreParam(workers)
    )
  }
}

# The best makespan that any schedule can reach.
ideal_makespan <- function(durations, workers) {
  max(durations, sum(durations) / workers)
}

own_cpu_time <- function() sum(proc.time()[c("user.self", "sys.self")])

at_most <- function(limit, against, engine = "lomp") {
  list(kind = "ratio", limit = limit, against = against, engine = engine)
}

# Of what has to go over the wire: the constant data for each machine, items and results.
sends_at_most <- function(limit, engine) {
  list(kind = "wire", limit = limit, against = "what has to be sent", engine = engine)
}

on_machines <- c("lapply", "lomp", "lomp_2x1", "lomp_1x2", "mirai_2x1", "cluster_2x1")

grows_at_most <- function(limit, since, engine = "lomp") {
  list(kind = "growth", limit = limit, against = since, engine = engine)
}

# title: what the table and the plot say. setup(...): makes items and fun (and whatever else has to
# be in memory), called with the list `full` or `quick`. calls: how often the map is called. ideal:
# the time that can't be beaten. clock: what seconds are, if not those of the wall. engines: only
# these. runs: only these, each of which does the whole job in its own way, function(task, workers),
# where a map isn't all; task is what setup() made, and what is returned is compared. targets: what
# has to be reached.
scenarios <- list(
  tiny = list(
    title = "1e6 items, function(i) i",
    setup = setup_counting, full = list(n = 1e6), quick = list(n = 2e3),
    targets = list(at_most(0.75, "mclapply"), at_most(0.8, "lapply"))
  ),
  vapply = list(
    title = "1e6 items, function(i) i, as one vector",
    setup = setup_counting, full = list(n = 1e6), quick = list(n = 2e3),
    runs = list(
      lapply = make_numbers, lomp = map_numbers, mclapply = map_then(unlist, "mclapply")
    ),
    targets = list(at_most(0.6, "mclapply"), at_most(0.5, "lapply"))
  ),
  vapply_list = list(
    title = "the same, of the list that lomp_map() gives",
    setup = setup_counting, full = list(n = 1e6), quick = list(n = 2e3),
    runs = list(lapply = make_numbers, lomp = map_then(unlist, "lomp"))
  ),
  small = list(
    title = "1e5 items, three numbers each",
    setup = function(n) list(items = seq_len(n), fun = three_numbers),
    full = list(n = 1e5), quick = list(n = 20),
    targets = list(at_most(0.9, "mclapply"))
  ),
  uneven = list(
    title = "400 items of 5 ms, one of 1 s in their middle",
    setup = setup_uneven,
    full = list(n = 400, longest = 1), quick = list(n = 20, longest = 0.1),
    ideal = ideal_makespan,
    targets = list(at_most(1.05, "ideal"))
  ),
  calls = list(
    title = "100 calls of 4 trivial items",
    setup = setup_counting, full = list(n = 4), quick = list(n = 4),
    calls = list(full = 100, quick = 3),
    targets = list(at_most(0.4, "mclapply"))
  ),
  startup = list(
    title = "one call of 2 items beside a vector of 2 GB",
    setup = setup_beside, full = list(bytes = 2e9), quick = list(bytes = 4e7),
    targets = list(at_most(0.6, "mclapply"))
  ),
  images = list(
    title = "100 matrices of 20 MB: mean, sd, range",
    setup = setup_images, full = list(n = 100, bytes = 2e7), quick = list(n = 8, bytes = 8e5),
    targets = list(at_most(0.55, "lapply"))
  ),
  images_bound = list(
    title = "the same as one matrix",
    setup = setup_images, full = list(n = 100, bytes = 2e7), quick = list(n = 8, bytes = 8e5),
    runs = list(
      lapply = make_columns, lomp = map_columns,
      mclapply = map_then(bind_columns, "mclapply"),
      shard = map_then(bind_columns, "shard"), shard_buffer = fill_buffer
    )
  ),
  # What a file costs that results are appended to as they come, beside none.
  checkpoint_small = list(
    title = "1e5 items, three numbers each, with and without a checkpoint",
    setup = function(n) list(items = seq_len(n), fun = three_numbers),
    full = list(n = 1e5), quick = list(n = 20), engines = c("lapply", "lomp", "lomp_file")
  ),
  checkpoint_images = list(
    title = "100 matrices of 20 MB: mean, sd, range, with and without a checkpoint",
    setup = setup_images, full = list(n = 100, bytes = 2e7), quick = list(n = 8, bytes = 8e5),
    engines = c("lapply", "lomp", "lomp_file")
  ),
  checkpoint_big = list(
    title = "64 results of 16 MB, with and without a checkpoint",
    setup = setup_big, full = list(n = 64, bytes = 1.6e7), quick = list(n = 6, bytes = 8e5),
    engines = c("lapply", "lomp", "lomp_file")
  ),
  rows = list(
    title = "64 blocks of rows of a matrix of 1 GB: sums",
    setup = setup_rows, full = list(rows = 125000, columns = 1000, blocks = 64),
    quick = list(rows = 2000, columns = 100, blocks = 8)
  ),
  big = list(
    title = "64 results of 16 MB",
    setup = setup_big, full = list(n = 64, bytes = 1.6e7), quick = list(n = 6, bytes = 8e5)
  ),
  mixed = list(
    title = "200 lists: a 300 x 300 matrix, an id, 2000 strings",
    setup = setup_mixed,
    full = list(n = 200, side = 300, strings = 2000), quick = list(n = 8, side = 60, strings = 100)
  ),
  strings = list(
    title = "a list of 2e6 strings, read in 8 shares",
    setup = setup_strings, full = list(n = 2e6, shares = 8), quick = list(n = 1e4, shares = 8)
  ),
  strings_many = list(
    title = "a list of 5e6 strings, read in 8 shares",
    setup = setup_strings, full = list(n = 5e6, shares = 8), quick = list(n = 1e4, shares = 8),
    engines = c("lapply", "mclapply", "lomp"),
    targets = list(at_most(0.8, "mclapply"))
  ),
  stream = list(
    title = "100 items with 1e4 numbers each, summed up",
    setup = setup_stream,
    full = list(n = 100, each = 1e4), quick = list(n = 10, each = 100),
    runs = list(
      lapply = map_then(count_and_sum, "lapply"),
      lomp = take_list,
      mclapply = map_then(count_and_sum, "mclapply"),
      BiocParallel = reduce_with(count_and_sum, c(0, 0)),
      mirai = map_then(count_and_sum, "mirai")
    ),
    targets = list(at_most(1, "mclapply"))
  ),
  # The others have no single numbers; what a loop of R's takes is part of it.
  stream_singly = list(
    title = "the same, lomp's numbers in a loop, one by one",
    setup = setup_stream,
    full = list(n = 100, each = 1e4), quick = list(n = 10, each = 100),
    runs = list(
      lapply = map_then(count_and_sum, "lapply"),
      lomp = take_numbers,
      mclapply = map_then(count_and_sum, "mclapply")
    )
  ),
  # mclapply and mirai have no way but to return all 3.2 GB; their memory here is that and more.
  stream_big = list(
    title = "200 results of 16 MB, taken one by one",
    setup = setup_big, full = list(n = 200, bytes = 1.6e7), quick = list(n = 6, bytes = 8e5),
    runs = list(
      lapply = make_vectors_in_turn,
      lomp = take_vectors,
      mclapply = map_then(sum_firsts, "mclapply"),
      BiocParallel = reduce_with(function(vector) vector[[1]], 0),
      mirai = map_then(sum_firsts, "mirai")
    ),
    targets = list(at_most(1, "lapply"))
  ),
  # What it costs the process that makes the items to have them worked on elsewhere.
  stream_in = list(
    title = "200 items of 10 MB from a producer: this process's CPU time",
    setup = setup_produced, full = list(n = 200, bytes = 1e7), quick = list(n = 6, bytes = 8e5),
    clock = own_cpu_time,
    runs = list(
      lapply = produce_only, lomp = map_produced, BiocParallel = iterate_produced,
      mirai = send_produced
    ),
    targets = list(at_most(1.5, "lapply"))
  ),
  # Daemons of mirai's that are connected by TCP, as those of other machines would be.
  machines_data = list(
    title = "64 items, 200 MB that all of them need",
    setup = setup_constant,
    full = list(n = 64, images = 200, bytes = 1e6), quick = list(n = 8, images = 8, bytes = 1e5),
    runs = list(
      lapply = describe_here, lomp = describe_by_forks, lomp_2x1 = describe_on_machines(2),
      lomp_1x2 = describe_on_machines(1), mirai_2x1 = describe_by_tasks,
      cluster_2x1 = describe_by_futures
    ),
    targets = list(
      at_most(0.6, "mirai_2x1", "lomp_2x1"), at_most(0.6, "mirai_2x1", "lomp_1x2"),
      sends_at_most(1.05, "lomp_2x1"), sends_at_most(1.05, "lomp_1x2")
    )
  ),
  machines_tiny = list(
    title = "1e5 items, function(i) i, on machines", engines = on_machines,
    setup = setup_counting, full = list(n = 1e5), quick = list(n = 2e3)
  ),
  machines_small = list(
    title = "1e5 items of 0.1 ms, on machines", engines = on_machines,
    setup = setup_busy,
    full = list(n = 1e5, seconds = 1e-4), quick = list(n = 200, seconds = 1e-4),
    targets = list(at_most(1.5, "lomp", "lomp_2x1"), at_most(1.5, "lomp", "lomp_1x2"))
  ),
  machines_calls = list(
    title = "20 calls of 10 trivial items, on machines", engines = on_machines,
    setup = setup_counting, full = list(n = 10), quick = list(n = 10),
    calls = list(full = 20, quick = 2)
  ),
  cost_1e5 = list(
    title = "1e5 trivial items", group = "cost", engines = c("lapply", "mclapply", "lomp"),
    setup = setup_counting, full = list(n = 1e5), quick = list(n = 1e2)
  ),
  cost_1e6 = list(
    title = "1e6 trivial items", group = "cost", engines = c("lapply", "mclapply", "lomp"),
    setup = setup_counting, full = list(n = 1e6), quick = list(n = 1e3),
    targets = list(grows_at_most(1.25, "cost_1e5"))
  ),
  cost_1e7 = list(
    title = "1e7 trivial items", group = "cost", engines = c("lapply", "mclapply", "lomp"),
    setup = setup_counting, full = list(n = 1e7), quick = list(n = 1e4),
    targets = list(grows_at_most(1.25, "cost_1e5"))
  )
)

# ---- engines -----------------------------------------------------------------------------------

# foreach binds `item` itself, which lintr can't know.
run_foreach <- function(x, f, workers) {
  `%dopar%` <- foreach::`%dopar%`
  foreach::foreach(item = x) %dopar% f(item) # nolint: object_usage_linter.
}

# future refuses to take along globals above a limit that is meant for other machines; a fork takes
# nothing along.
start_future <- function(workers) {
  options(future.globals.maxSize = Inf)
  future::plan(future::multicore, workers = workers)
}

profile <- "peers"

start_machines <- function(machines) {
  force(machines)
  function(workers) {
    mirai::daemons(url = "tcp://127.0.0.1:0", dispatcher = TRUE, .compute = profile)
    mirai::launch_local(machines, .compute = profile)
    while (mirai::info(profile)[["connections"]] < machines) Sys.sleep(0.02)
  }
}

stop_machines <- function() mirai::daemons(0, .compute = profile)

map_on_machines <- function(machines) {
  force(machines)
  function(x, f, workers) {
    lomp::lomp_map(x, f, .compute = profile, .workers = max(1, workers %/% machines))
  }
}

start_cluster <- function(workers) {
  options(future.globals.maxSize = Inf)
  future::plan(future::cluster, workers = parallelly::makeClusterPSOCK(workers))
}

machine_scenarios <- c("machines_data", "machines_tiny", "machines_small", "machines_calls")

# packages: what must be installed; the last one gives the version. start and stop: preparation and
# clearing away, outside the clock. quick: whether --quick runs it in every scenario; the others run
# in those of `quick_everywhere` only, since it is their start that takes the time. only: the
# scenarios it is for. machines: how many processes get all that the items need.
engines <- list(
  lapply = list(
    packages = "base", quick = TRUE,
    run = function(x, f, workers) lapply(x, f)
  ),
  lomp = list(
    packages = "lomp", quick = TRUE,
    run = function(x, f, workers) lomp::lomp_map(x, f, .workers = workers)
  ),
  # In the session's temporary folder, on whatever disk that is.
  lomp_file = list(
    packages = "lomp", quick = TRUE,
    only = c("checkpoint_small", "checkpoint_images", "checkpoint_big"),
    run = function(x, f, workers) {
      file <- tempfile()
      on.exit(unlink(file))
      lomp::lomp_map(x, f, .workers = workers, .checkpoint = file)
    }
  ),
  mclapply = list(
    packages = "parallel",
    run = function(x, f, workers) parallel::mclapply(x, f, mc.cores = workers)
  ),
  mclapply_dynamic = list(
    packages = "parallel",
    run = function(x, f, workers) {
      parallel::mclapply(x, f, mc.cores = workers, mc.preschedule = FALSE)
    }
  ),
  # Its bar is what pbmcapply is for; without ignore.interactive a script gets plain mclapply.
  pbmcapply = list(
    packages = "pbmcapply",
    run = function(x, f, workers) {
      pbmcapply::pbmclapply(x, f, mc.cores = workers, ignore.interactive = TRUE)
    }
  ),
  bettermc = list(
    packages = "bettermc",
    run = function(x, f, workers) bettermc::mclapply(x, f, mc.cores = workers)
  ),
  future.apply = list(
    packages = c("future", "future.apply"), start = start_future,
    run = function(x, f, workers) future.apply::future_lapply(x, f)
  ),
  doMC = list(
    packages = c("foreach", "doMC"),
    start = function(workers) doMC::registerDoMC(workers),
    run = run_foreach
  ),
  # What foreach's loops take with lomp's workers: to be compared with doMC.
  doLomp = list(
    packages = c("foreach", "lomp"), only = c("small", "calls", "images", "big"),
    start = function(workers) lomp::registerDoLomp(workers),
    run = run_foreach
  ),
  BiocParallel = list(
    packages = "BiocParallel",
    run = function(x, f, workers) {
      BiocParallel::bplapply(x, f, BPPARAM = BiocParallel::MulticoreParam(workers))
    }
  ),
  # Its daemons are processes of their own: they are started before the data exist and kept.
  mirai = list(
    packages = "mirai",
    start = function(workers) mirai::daemons(workers),
    run = function(x, f, workers) mirai::mirai_map(x, f)[],
    stop = function() mirai::daemons(0)
  ),
  # Two machines of one core and one of two: the names of engines that have several processes that
  # are connected by TCP.
  lomp_2x1 = list(
    packages = c("nanonext", "mirai", "lomp"), quick = TRUE, only = machine_scenarios, machines = 2,
    start = start_machines(2), run = map_on_machines(2), stop = stop_machines
  ),
  lomp_1x2 = list(
    packages = c("nanonext", "mirai", "lomp"), only = machine_scenarios, machines = 1,
    start = start_machines(1), run = map_on_machines(1), stop = stop_machines
  ),
  mirai_2x1 = list(
    packages = "mirai", only = machine_scenarios, machines = 2, start = start_machines(2),
    run = function(x, f, workers) mirai::mirai_map(x, f, .compute = profile)[],
    stop = stop_machines
  ),
  cluster_2x1 = list(
    packages = c("parallelly", "future", "future.apply"), only = machine_scenarios, machines = 2,
    start = start_cluster,
    run = function(x, f, workers) future.apply::future_lapply(x, f),
    stop = function() future::plan(future::sequential)
  ),
  # A pool of processes, to which the matrices of a list go by shared memory; sharing them is part
  # of each call.
  shard = list(
    packages = "shard",
    start = function(workers) shard::pool_create(workers),
    run = function(x, f, workers) shard::shard_lapply_shared(as.list(x), f, workers = workers),
    stop = function() shard::pool_stop()
  ),
  # The same package with results in a buffer, in its own scenario only.
  shard_buffer = list(
    packages = "shard", only = "images_bound",
    start = function(workers) shard::pool_create(workers),
    run = function(x, f, workers) lapply(x, f),
    stop = function() shard::pool_stop()
  )
)

quick_everywhere <- "small"

is_installed <- function(engine) {
  all(nzchar(vapply(engine$packages, function(p) system.file(package = p), "")))
}

engine_version <- function(engine) {
  as.character(utils::packageVersion(engine$packages[[length(engine$packages)]]))
}

# ---- the measured process ----------------------------------------------------------------------

now <- function() as.numeric(Sys.time())

# A process may end while its files are read. The warning is suppressed, not caught: leaving file()
# from a handler would leak its connection.
read_rollup <- function(pid) {
  path <- file.path("/proc", pid, "smaps_rollup")
  tryCatch(suppressWarnings(readLines(path, warn = FALSE)), error = function(e) character())
}

pss_mb <- function(pid) {
  pss <- grep("^Pss:", read_rollup(pid), value = TRUE)
  # A process that has ended in the meantime has no memory.
  if (length(pss) == 0) 0 else as.numeric(gsub("[^0-9]", "", pss)) / 1024
}

# What this process has sent and received by TCP, as the kernel counts it for each connection; NA
# without `ss`. All connections must be there before and after the work.
wire_bytes <- function() {
  if (!nzchar(Sys.which("ss"))) return(NA_real_)
  lines <- suppressWarnings(system2("ss", "-tinpHO", stdout = TRUE, stderr = FALSE))
  lines <- grep(sprintf("pid=%d,", Sys.getpid()), lines, value = TRUE)
  counts <- unlist(regmatches(lines, gregexpr("bytes_(acked|received):[0-9]+", lines)))
  sum(as.numeric(sub(".*:", "", counts)))
}

serialized_bytes <- function(x) length(serialize(x, NULL))

# The least that can be sent; NA where nothing has to.
needed_bytes <- function(engine, task, value) {
  if (is.null(engine$machines)) return(NA_real_)
  constant <- if (is.null(task$constant)) 0 else serialized_bytes(task$constant)
  engine$machines * constant + serialized_bytes(as.list(task$items)) + serialized_bytes(value)
}

mark <- function(cell, phase) invisible(file.create(file.path(cell$dir, phase)))

reached <- function(cell, phase) file.exists(file.path(cell$dir, phase))

# The first call of any engine reads its functions from disk, which a longer session has behind it:
# it is made here, before the data exist, with a function that no scenario uses (the scenarios' own
# are to be as new to R's compiler as a user's).
prepare_engine <- function(engine, workers) {
  for (package in engine$packages) loadNamespace(package)
  if (!is.null(engine$start)) engine$start(workers)
  engine$run <- compiler::cmpfun(engine$run)
  engine$run(1:2, identity, workers)
  engine
}

cell_size <- function(cell) if (cell$quick) "quick" else "full"

make_task <- function(scenario, size) do.call(scenario$setup, scenario[[size]])

calls_of <- function(scenario, size) {
  if (is.null(scenario$calls)) 1 else scenario$calls[[size]]
}

# The driver answers `ready` with `go`; from then on it samples memory, if that is asked for.
wait_for_driver <- function(cell) {
  mark(cell, "ready")
  while (!reached(cell, "go")) Sys.sleep(0.005)
}

# A scenario's own runs are compiled, as prepare_engine() does with the engine's.
run_of <- function(scenario, name, engine) {
  if (!is.null(scenario$runs)) return(compiler::cmpfun(scenario$runs[[name]]))
  function(task, workers) engine$run(task$items, task$fun, workers)
}

timed_work <- function(run, task, calls, workers, clock) {
  begin <- clock()
  for (k in seq_len(calls)) value <- run(task, workers)
  list(value = value, seconds = clock() - begin)
}

# What lapply returned first is the reference for all that follow.
check_result <- function(value, reference, is_base) {
  if (file.exists(reference)) {
    return(if (identical(value, readRDS(reference))) "ok" else "WRONG")
  }
  if (!is_base) return("unchecked")
  saveRDS(value, reference, compress = FALSE)
  "ok"
}

measure_cell <- function(cell) {
  scenario <- scenarios[[cell$scenario]]
  engine <- engines[[cell$engine]]
  begin <- now()
  engine <- prepare_engine(engine, cell$workers)
  prepared <- now() - begin
  run <- run_of(scenario, cell$engine, engine)
  task <- make_task(scenario, cell_size(cell))
  gc()
  session <- pss_mb("self")
  sent <- wire_bytes()
  wait_for_driver(cell)
  clock <- if (is.null(scenario$clock)) now else scenario$clock
  work <- timed_work(run, task, calls_of(scenario, cell_size(cell)), cell$workers, clock)
  mark(cell, "done")
  sent <- wire_bytes() - sent
  if (!is.null(engine$stop)) engine$stop()
  list(
    status = check_result(work$value, cell$reference, cell$engine == "lapply"),
    seconds = work$seconds, prepare_seconds = prepared, session_mb = session,
    items = length(task$items), version = engine_version(engine),
    wire_mb = if (is.null(engine$machines)) NA else sent / 1e6,
    needed_mb = needed_bytes(engine, task, work$value) / 1e6,
    ideal = if (is.null(scenario$ideal)) NA else scenario$ideal(task$items, cell$workers)
  )
}

run_measured_process <- function(dir) {
  cell <- readRDS(file.path(dir, "cell.rds"))
  failed <- function(e) list(status = "error", message = conditionMessage(e))
  saveRDS(tryCatch(measure_cell(cell), error = failed), file.path(dir, "result.rds"))
}

# ---- the driver: processes ---------------------------------------------------------------------

# The measured process gets a session of its own, away from the terminal's signals. The driver ends
# what takes too long; `timeout` is for runs whose driver was killed.
launcher <- paste(
  "timeout -s KILL \"$4\" \"$2\" --vanilla \"$3\" \"--cell=$1\" > \"$1/log\" 2>&1;",
  "echo $? > \"$1/exit\""
)

script_path <- function() {
  file <- grep("^--file=", commandArgs(), value = TRUE)
  normalizePath(sub("^--file=", "", file[[1]]))
}

# A run is known by this variable in the environment of all its processes: unlike parent, group and
# session it stays with orphans and daemons.
run_marker <- function(cell) paste0("LOMP_PEERS_RUN=", cell$dir)

start_process <- function(cell) {
  saveRDS(cell, file.path(cell$dir, "cell.rds"))
  rscript <- file.path(R.home("bin"), "Rscript")
  words <- c(cell$dir, rscript, script_path(), format(4 * cell$limit, scientific = FALSE))
  command <- paste(
    "env", shQuote(run_marker(cell)), "setsid sh -c", shQuote(launcher), "sh",
    paste(shQuote(words), collapse = " "), "< /dev/null > /dev/null 2>&1 &"
  )
  system(command)
}

all_pids <- function() grep("^[0-9]+$", list.files("/proc"), value = TRUE)

# Empty for a zombie, for a process that has ended, and for one of another user.
read_environment <- function(pid) {
  path <- file.path("/proc", pid, "environ")
  tryCatch(suppressWarnings(readBin(path, "raw", 1e6)), error = function(e) raw())
}

run_members <- function(marker, among = all_pids()) {
  is_member <- function(pid) length(grepRaw(marker, read_environment(pid), fixed = TRUE)) > 0
  among[vapply(among, is_member, logical(1))]
}

# A member may fork while the list is read, hence the loop.
end_run <- function(marker) {
  end <- now() + 10
  while (length(members <- run_members(marker)) > 0 && now() < end) {
    tools::pskill(as.integer(members), tools::SIGKILL)
    Sys.sleep(0.01)
  }
}

# Looks at processes that are new since the last look only: a stranger never becomes a member.
new_sampler <- function(marker) {
  strangers <- character()
  peak <- 0
  samples <- 0
  take <- function() {
    candidates <- setdiff(all_pids(), strangers)
    members <- run_members(marker, candidates)
    strangers <<- c(strangers, setdiff(candidates, members))
    peak <<- max(peak, sum(vapply(members, pss_mb, 0)))
    samples <<- samples + 1
  }
  list(take = take, read = function() list(peak_mb = peak, samples = samples))
}

# A sample of large processes takes long, and they wait for it when they need new pages: hence at
# most a quarter of the time is spent in samples.
pause_after <- function(sample) {
  begin <- now()
  sample()
  Sys.sleep(max(0.02, 3 * (now() - begin)))
}

pause_only <- function() Sys.sleep(0.03)

# Returns FALSE when the time is over first. The end of the process counts as any phase.
watch_phase <- function(cell, phase, pause = pause_only) {
  end <- now() + cell$limit
  while (!reached(cell, phase) && !reached(cell, "exit")) {
    if (now() > end) return(FALSE)
    pause()
  }
  TRUE
}

watch_process <- function(cell) {
  if (!watch_phase(cell, "ready")) return(timed_out("preparation", cell$limit))
  sampler <- new_sampler(run_marker(cell))
  if (cell$sampled) sampler$take()
  mark(cell, "go")
  pause <- if (cell$sampled) function() pause_after(sampler$take) else pause_only
  in_time <- watch_phase(cell, "done", pause)
  memory <- if (cell$sampled) sampler$read()
  if (!in_time) return(c(timed_out("work", cell$limit), memory))
  if (!watch_phase(cell, "exit")) return(timed_out("clean-up", cell$limit))
  c(read_result(cell), memory)
}

timed_out <- function(phase, limit) {
  list(status = "timeout", message = sprintf("%s took more than %g s", phase, limit))
}

read_result <- function(cell) {
  path <- file.path(cell$dir, "result.rds")
  if (file.exists(path)) return(readRDS(path))
  log <- readLines(file.path(cell$dir, "log"), warn = FALSE)
  last <- paste(utils::tail(log, 3), collapse = " ")
  list(status = "error", message = paste("process died:", last))
}

run_cell <- function(cell) {
  cell$dir <- tempfile("cell-")
  dir.create(cell$dir)
  on.exit(unlink(cell$dir, recursive = TRUE))
  on.exit(end_run(run_marker(cell)), add = TRUE, after = FALSE)
  start_process(cell)
  as_row(cell, watch_process(cell))
}

result_fields <- list(
  status = "", seconds = NA_real_, prepare_seconds = NA_real_, session_mb = NA_real_,
  peak_mb = NA_real_, samples = NA_real_, items = NA_real_, ideal = NA_real_, wire_mb = NA_real_,
  needed_mb = NA_real_, version = "",
  message = ""
)

as_row <- function(cell, result) {
  known <- cell[c("scenario", "engine", "repetition", "workers", "quick", "sampled", "limit")]
  fields <- utils::modifyList(result_fields, as.list(result))
  fields$message <- gsub("[\r\n]+", " ", fields$message)
  data.frame(c(known, fields))
}

# ---- the driver: the plan ----------------------------------------------------------------------

engines_for <- function(name, options) {
  scenario <- scenarios[[name]]
  chosen <- options$engines
  if (!is.null(scenario$engines)) chosen <- intersect(chosen, scenario$engines)
  if (!is.null(scenario$runs)) chosen <- intersect(chosen, names(scenario$runs))
  is_for <- function(only) is.null(only) || name %in% only
  chosen <- Filter(function(engine) is_for(engines[[engine]]$only), chosen)
  if (!options$quick || name %in% quick_everywhere) return(chosen)
  Filter(function(engine) isTRUE(engines[[engine]]$quick), chosen)
}

# Timed repetitions first, then the one that is sampled for memory and may take longer.
plan_repetitions <- function(options) {
  timed <- data.frame(
    repetition = seq_len(options$reps), sampled = options$sampling == "together",
    limit = options$limit
  )
  extra <- data.frame(repetition = options$reps + 1, sampled = TRUE, limit = 2 * options$limit)
  if (options$sampling == "separate") rbind(timed, extra) else timed
}

plan_scenario <- function(name, options) {
  repetitions <- plan_repetitions(options)
  cells <- lapply(seq_len(nrow(repetitions)), function(k) {
    lapply(engines_for(name, options), function(engine) {
      c(list(scenario = name, engine = engine), as.list(repetitions[k, ]))
    })
  })
  unlist(cells, recursive = FALSE)
}

tell <- function(...) cat(sprintf(...), "\n", sep = "", file = stderr())

tell_row <- function(row) {
  took <- if (nzchar(row$message)) row$message else sprintf("%.4f s", row$seconds)
  kind <- if (row$sampled) ", sampled" else ""
  tell(
    "%s, %s, repetition %d%s: %s, %s",
    row$scenario, row$engine, row$repetition, kind, row$status, took
  )
}

# An engine that hit the limit or failed is not tried again in the same scenario; when the budget is
# spent, nothing is begun.
run_scenario <- function(name, options) {
  reference <- tempfile("reference-")
  on.exit(unlink(reference))
  given_up <- character()
  rows <- list()
  for (cell in plan_scenario(name, options)) {
    if (cell$engine %in% given_up || now() > options$end) next
    row <- run_cell(c(cell, options[c("workers", "quick")], reference = reference))
    tell_row(row)
    if (row$status %in% c("timeout", "error")) given_up <- c(given_up, cell$engine)
    rows <- c(rows, list(row))
  }
  do.call(rbind, rows)
}

# ---- the report: numbers -----------------------------------------------------------------------

median_or_na <- function(x) if (all(is.na(x))) NA_real_ else stats::median(x, na.rm = TRUE)

max_or_na <- function(x) if (all(is.na(x))) NA_real_ else max(x, na.rm = TRUE)

worst_status <- function(status) {
  order <- c("error", "WRONG", "timeout", "unchecked", "ok")
  order[[min(match(status, order))]]
}

# Where sampling had runs of its own, their times don't count.
timed_rows <- function(rows) if (all(rows$sampled)) rows else rows[!rows$sampled, ]

summarise_engine <- function(rows) {
  timed <- timed_rows(rows)
  peak <- max_or_na(rows$peak_mb[!rows$status %in% c("timeout", "error")])
  data.frame(
    scenario = rows$scenario[[1]], engine = rows$engine[[1]],
    median = median_or_na(timed$seconds), fastest = -max_or_na(-timed$seconds),
    slowest = max_or_na(timed$seconds),
    peak_mb = peak, over_session = peak - median_or_na(rows$session_mb),
    prepare = median_or_na(timed$prepare_seconds), items = max_or_na(rows$items),
    wire_mb = median_or_na(rows$wire_mb), needed_mb = max_or_na(rows$needed_mb),
    ideal = max_or_na(rows$ideal), limit = rows$limit[[1]], result = worst_status(rows$status)
  )
}

value_of <- function(summary, engine, column) {
  row <- match(engine, summary$engine)
  if (is.na(row)) NA_real_ else summary[[column]][[row]]
}

summarise_scenario <- function(rows) {
  by_engine <- split(rows, factor(rows$engine, unique(rows$engine)))
  summary <- do.call(rbind, lapply(by_engine, summarise_engine))
  summary$vs_lapply <- summary$median / value_of(summary, "lapply", "median")
  summary$vs_mclapply <- summary$median / value_of(summary, "mclapply", "median")
  summary$over_lapply <- summary$peak_mb - value_of(summary, "lapply", "peak_mb")
  summary
}

# ---- the report: text --------------------------------------------------------------------------

show_number <- function(x, digits) {
  # Adding zero takes the sign from a rounded -0.
  ifelse(is.na(x), "-", formatC(round(x, digits) + 0, digits = digits, format = "f"))
}

show_seconds <- function(summary) {
  late <- summary$result == "timeout" & is.na(summary$median)
  ifelse(late, sprintf("> %g", summary$limit), show_number(summary$median, 4))
}

print_scenario <- function(summary, quick) {
  name <- summary$scenario[[1]]
  cat(sprintf("\n%s: %s%s\n", name, scenarios[[name]]$title, if (quick) ", quick sizes" else ""))
  table <- data.frame(
    engine = summary$engine, "median s" = show_seconds(summary),
    "/lapply" = show_number(summary$vs_lapply, 2),
    "/mclapply" = show_number(summary$vs_mclapply, 2),
    "prepare s" = show_number(summary$prepare, 2),
    "peak Pss MB" = show_number(summary$peak_mb, 0),
    "over session" = show_number(summary$over_session, 0),
    "over lapply" = show_number(summary$over_lapply, 0),
    result = summary$result, check.names = FALSE
  )
  if (!all(is.na(summary$wire_mb))) {
    table[["wire MB"]] <- show_number(summary$wire_mb, 2)
    table[["/needed"]] <- show_number(summary$wire_mb / summary$needed_mb, 3)
  }
  print(table, row.names = FALSE, width = 120)
  cat("/lapply and /mclapply: the median time as a multiple of theirs; above 1 is slower\n")
  if (!all(is.na(summary$ideal))) cat(sprintf("ideal: %.4f s\n", max_or_na(summary$ideal)))
}

cost_per_item <- function(summary, engine) {
  value_of(summary, engine, "median") / value_of(summary, engine, "items")
}

growth_of <- function(engine, summary, since) {
  if (is.null(since)) NA_real_ else cost_per_item(summary, engine) / cost_per_item(since, engine)
}

target_base <- function(target, summary) {
  if (target$against == "ideal") return(max_or_na(summary$ideal))
  value_of(summary, target$against, "median")
}

target_sent <- function(target, summary) {
  value_of(summary, target$engine, "wire_mb") / value_of(summary, target$engine, "needed_mb")
}

target_value <- function(target, summary, summaries) {
  if (target$kind == "wire") return(target_sent(target, summary))
  if (target$kind == "growth") {
    return(growth_of(target$engine, summary, summaries[[target$against]]))
  }
  value_of(summary, target$engine, "median") / target_base(target, summary)
}

target_subject <- function(target, summary, summaries) {
  if (target$kind != "growth") return(paste0(target$engine, "/", target$against))
  # The collector makes lapply dearer per item too as the result grows: said beside it.
  base <- growth_of("lapply", summary, summaries[[target$against]])
  sprintf("%s per item, relative to %s (lapply: %s)", target$engine, target$against,
          show_number(base, 2))
}

target_line <- function(target, name, summaries, quick) {
  summary <- summaries[[name]]
  value <- target_value(target, summary, summaries)
  verdict <- if (is.na(value)) "not measured" else if (value <= target$limit) "ok" else "MISSED"
  if (quick) verdict <- "not judged at quick sizes"
  subject <- target_subject(target, summary, summaries)
  sprintf("%s: %s %s (target %g) %s", name, subject, show_number(value, 2), target$limit, verdict)
}

print_targets <- function(summaries, quick) {
  lines <- lapply(names(summaries), function(name) {
    lapply(scenarios[[name]]$targets, target_line, name, summaries, quick)
  })
  lines <- unlist(lines)
  if (length(lines) > 0) cat("\ntargets:", lines, sep = "\n")
}

# ---- the report: plots -------------------------------------------------------------------------

engine_colours <- c(lomp = "#c1440e", lapply = "#222222")

colour_of <- function(engine) {
  ifelse(engine %in% names(engine_colours), engine_colours[engine], "#4d7ea8")
}

panel_label <- function(summary, column) {
  values <- summary[[column]]
  if (column != "median") return(ifelse(is.na(values), "-", paste(show_number(values, 0), "MB")))
  short <- paste(formatC(signif(values, 3), digits = 3, format = "fg"), "s")
  ifelse(is.na(values), paste(show_seconds(summary), "s"), short)
}

# A run that hit the limit is drawn there, as a hollow point.
panel_values <- function(summary, column) {
  values <- summary[[column]]
  late <- is.na(values) & summary$result == "timeout" & column == "median"
  ifelse(late, summary$limit, values)
}

# At least a factor of ten, or ten megabytes, so that noise doesn't look like a difference.
panel_limits <- function(values, column) {
  if (column != "median") return(range(0, 10, values, na.rm = TRUE))
  if (all(is.na(values))) return(c(0.01, 1))
  ends <- range(values, na.rm = TRUE)
  spread <- max(1.2, sqrt(10 * ends[[1]] / ends[[2]]))
  c(ends[[1]] / spread, ends[[2]] * spread)
}

# Powers of ten where there are enough of them, else steps of 1, 2, 5.
time_ticks <- function(limits) {
  powers <- 10^seq(floor(log10(limits[[1]])), ceiling(log10(limits[[2]])))
  inside <- function(at) at[at >= limits[[1]] & at <= limits[[2]]]
  if (length(inside(powers)) > 2) inside(powers) else inside(c(outer(c(1, 2, 5), powers)))
}

draw_value_axis <- function(limits, timed) {
  at <- if (timed) time_ticks(limits) else pretty(limits, 5)
  labels <- vapply(at, format, "", scientific = FALSE, digits = 3)
  graphics::axis(1, at, labels, cex.axis = 0.9, col = NA, col.ticks = "#888888")
}

draw_targets <- function(summary, name) {
  row <- nrow(summary) + 1 - match("lomp", summary$engine)
  for (target in scenarios[[name]]$targets) {
    if (target$kind != "ratio") next
    at <- target_base(target, summary) * target$limit
    graphics::segments(at, row - 0.4, at, row + 0.4, col = engine_colours[["lomp"]], lwd = 2)
  }
}

# axis() would leave out labels that it finds too close; every engine has to have its own.
draw_rows <- function(summary, rows, labels) {
  graphics::abline(h = rows, col = "#e6e6e6")
  graphics::mtext(summary$engine, 2, at = rows, las = 1, line = 0.5, cex = 0.7)
  graphics::mtext(labels, 4, at = rows, las = 1, line = 6, cex = 0.7, adj = 1)
}

draw_title <- function(name) {
  title <- scenarios[[name]]$title
  graphics::title(main = name, line = 1.4, adj = 0, cex.main = 1.3)
  graphics::title(main = title, line = 0.3, adj = 0, cex.main = 0.95, font.main = 1)
}

draw_ranges <- function(summary, rows) {
  graphics::segments(summary$fastest, rows, summary$slowest, rows, col = "#999999", lwd = 3)
}

draw_panel <- function(summary, column) {
  name <- summary$scenario[[1]]
  rows <- rev(seq_len(nrow(summary)))
  values <- panel_values(summary, column)
  limits <- panel_limits(values, column)
  timed <- column == "median"
  graphics::plot.new()
  graphics::plot.window(limits, c(0.4, nrow(summary) + 0.6), log = if (timed) "x" else "")
  draw_value_axis(limits, timed)
  draw_rows(summary, rows, panel_label(summary, column))
  draw_title(name)
  graphics::abline(v = value_of(summary, "lapply", column), lty = 3, col = "#222222")
  if (timed) draw_ranges(summary, rows)
  if (timed) draw_targets(summary, name)
  shape <- ifelse(is.na(summary[[column]]), 1, 19)
  graphics::points(values, rows, pch = shape, cex = 1.5, col = colour_of(summary$engine))
}

draw_plot <- function(summaries, column, path, caption) {
  columns <- max(2, min(3, length(summaries)))
  grid <- ceiling(length(summaries) / columns)
  grDevices::png(path, width = 560 * columns, height = 330 * grid + 50, res = 96)
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = c(grid, columns))
  # mfrow sets a size of its own, and the margins are counted in it.
  graphics::par(cex = 0.66, mar = c(2.5, 10, 3.2, 6.5), oma = c(0, 0, 2.5, 0))
  for (summary in summaries) draw_panel(summary, column)
  graphics::mtext(caption, outer = TRUE, line = 0.8, cex = 1)
}

has_memory <- function(summary) !all(is.na(summary$over_session))

draw_plots <- function(summaries, options) {
  if (!capabilities("png")) return(tell("no PNG device in this R: no plots"))
  draw_plot(
    summaries, "median", file.path(options$out, "peers-time.png"),
    "seconds (median; grey: range; logarithmic); dotted: lapply; red bar: target for lomp"
  )
  sampled <- Filter(has_memory, summaries)
  if (length(sampled) == 0) return(invisible())
  draw_plot(
    sampled, "over_session", file.path(options$out, "peers-memory.png"),
    "peak Pss of all processes beyond the session before the call, MB; dotted: lapply"
  )
}

# ---- the command line --------------------------------------------------------------------------

usage <- "
Rscript peers.R [options]

  --scenarios=a,b    which to run (default: all; `cost` stands for its three sizes)
  --engines=x,y      which to compare (default: all that are installed; lapply always runs)
  --reps=5           repetitions, of which the median counts
  --workers=2        worker processes
  --sampling=WHEN    peak memory: separate (default; one more repetition), together (in the timed
                     ones), none
  --limit=120        seconds after which a run is ended and reported as slower than that
  --budget=SECONDS   after which no further run is begun (default: none)
  --out=DIR          where peers.csv and the plots go (default: build-peers)
  --quick            small sizes, one repetition, most engines in one scenario only, a budget of
                     25 s: does everything still work?
"

default_options <- function(quick) {
  list(
    scenarios = names(scenarios), engines = names(engines), reps = if (quick) 1 else 5,
    workers = 2, sampling = if (quick) "together" else "separate", limit = if (quick) 10 else 120,
    budget = if (quick) 25 else Inf, out = "build-peers", quick = quick
  )
}

stop_plainly <- function(...) stop(sprintf(...), call. = FALSE)

parse_value <- function(name, text) {
  if (name %in% c("out", "sampling")) return(text)
  if (name %in% c("scenarios", "engines")) return(strsplit(text, ",", fixed = TRUE)[[1]])
  number <- suppressWarnings(as.numeric(text))
  if (is.na(number) || number < 1) stop_plainly("--%s takes a number of at least 1", name)
  number
}

parse_option <- function(arg, options) {
  parts <- regmatches(arg, regexec("^--([a-z]+)=(.+)$", arg))[[1]]
  if (length(parts) != 3 || !parts[[2]] %in% setdiff(names(options), "quick")) {
    stop_plainly("unknown option %s\n%s", arg, usage)
  }
  options[[parts[[2]]]] <- parse_value(parts[[2]], parts[[3]])
  options
}

expand_groups <- function(names_or_groups) {
  groups <- vapply(scenarios, function(s) if (is.null(s$group)) "" else s$group, "")
  expanded <- lapply(names_or_groups, function(name) {
    if (name %in% groups) names(scenarios)[groups == name] else name
  })
  unique(unlist(expanded))
}

check_names <- function(given, known, what) {
  unknown <- setdiff(given, known)
  if (length(unknown) > 0) {
    stop_plainly("no such %s: %s; there are %s", what, toString(unknown), toString(known))
  }
}

# The scenario that takes longest under --quick comes last, where the budget may cut it.
order_scenarios <- function(names, quick) {
  late <- if (quick) quick_everywhere else character()
  c(setdiff(names, late), intersect(names, late))
}

parse_options <- function(args) {
  options <- default_options("--quick" %in% args)
  for (arg in setdiff(args, "--quick")) options <- parse_option(arg, options)
  options$scenarios <- order_scenarios(expand_groups(options$scenarios), options$quick)
  options$engines <- union("lapply", options$engines)
  check_names(options$scenarios, names(scenarios), "scenario")
  check_names(options$engines, names(engines), "engine")
  check_names(options$sampling, c("separate", "together", "none"), "way of sampling")
  options
}

drop_missing <- function(options) {
  installed <- vapply(engines[options$engines], is_installed, logical(1))
  for (name in options$engines[!installed]) cat(sprintf("skipped, not installed: %s\n", name))
  options$engines <- options$engines[installed]
  options
}

check_system <- function() {
  if (!file.exists("/proc/self/smaps_rollup") || !nzchar(Sys.which("setsid"))) {
    stop_plainly("peers.R needs Linux: /proc/PID/smaps_rollup and the command setsid")
  }
}

print_machine <- function(options) {
  cat(sprintf(
    "%s, %d processors, %g workers, %s\n", R.version.string, parallel::detectCores(),
    options$workers, if (options$quick) "quick sizes" else sprintf("%g repetitions", options$reps)
  ))
  versions <- vapply(engines[options$engines], engine_version, "")
  cat(strwrap(toString(paste(names(versions), versions)), 98), sep = "\n")
}

run_all <- function(options) {
  options$end <- now() + options$budget
  summaries <- list()
  rows <- list()
  for (name in options$scenarios) {
    rows[[name]] <- run_scenario(name, options)
    if (is.null(rows[[name]])) next
    summaries[[name]] <- summarise_scenario(rows[[name]])
    # Written after each scenario, so that a run that is broken off leaves what it had.
    utils::write.csv(do.call(rbind, rows), file.path(options$out, "peers.csv"), row.names = FALSE)
    print_scenario(summaries[[name]], options$quick)
  }
  if (now() > options$end) cat(sprintf("\nnot all was run: the %g s were over\n", options$budget))
  summaries
}

# Only wrong or missing results make the exit status 1: times depend on the machine.
exit_status <- function(summaries) {
  results <- unlist(lapply(summaries, function(s) {
    s$result[grepl("^(lomp|lapply)", s$engine)]
  }))
  as.integer(any(results %in% c("WRONG", "error")))
}

compare_peers <- function(args) {
  if ("--help" %in% args) return(cat(usage))
  options <- drop_missing(parse_options(args))
  check_system()
  dir.create(options$out, showWarnings = FALSE, recursive = TRUE)
  # The measured processes start with --vanilla; they look for packages where this one does.
  Sys.setenv(R_LIBS = paste(.libPaths(), collapse = ":"))
  print_machine(options)
  summaries <- run_all(options)
  print_targets(summaries, options$quick)
  draw_plots(summaries, options)
  cat(sprintf("\nwritten to %s: %s\n", options$out, toString(list.files(options$out, "^peers"))))
  quit(status = exit_status(summaries))
}

main <- function(args) {
  cell <- grep("^--cell=", args, value = TRUE)
  if (length(cell) == 1) run_measured_process(sub("^--cell=", "", cell)) else compare_peers(args)
}

if (sys.nframe() == 0) main(commandArgs(trailingOnly = TRUE))
