# The example programs, run as a user runs them: by Rscript, in a process of its own, from the
# installed package.

# These take too long for each of CRAN's machines.
skip_on_cran()

example_script <- function(file) system.file("examples", file, package = "lomp", mustWork = TRUE)

# What a program printed, errors included, with its exit status as an attribute where it isn't 0.
run_example <- function(file, ...) {
  libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  rscript <- file.path(R.home("bin"), "Rscript")
  arguments <- shQuote(c(example_script(file), ...))
  suppressWarnings(system2(rscript, arguments, stdout = TRUE, stderr = TRUE, env = libraries))
}

run_photos <- function(...) run_example("photos.R", ...)

run_stream <- function(...) run_example("stream.R", ...)

# A program's functions, to be called one by one.
example_functions <- function(file) {
  functions <- new.env()
  sys.source(example_script(file), functions)
  functions
}

photos_functions <- function() example_functions("photos.R")

stream_functions <- function() example_functions("stream.R")

new_folder <- function() {
  folder <- tempfile("photos")
  dir.create(file.path(folder, "nested"), recursive = TRUE)
  folder
}

# Smooth, so that lossy compression keeps what is checked.
ramp <- function(height, width, channels) {
  array(outer(seq_len(height), seq_len(width)) / (height * width), c(height, width, channels))
}

fill_folder <- function(folder) {
  png::writePNG(ramp(30, 40, 3), file.path(folder, "colour.png"))
  png::writePNG(ramp(20, 10, 2), file.path(folder, "nested", "grey alpha.png"))
  writeLines("not a picture", file.path(folder, "broken.png"))
  if (requireNamespace("jpeg", quietly = TRUE)) {
    jpeg::writeJPEG(ramp(24, 32, 1)[, , 1], file.path(folder, "grey.JPG"), quality = 0.95)
  }
}

# The rows of a printed table that begin with a name, as columns of text without that name.
printed_rows <- function(lines, name) {
  rows <- lines[startsWith(lines, paste0(name, " "))]
  strsplit(trimws(substring(rows, nchar(name) + 1)), " +")
}

test_that("photos.R scores a folder and draws its contact sheet", {
  skip_if_not_installed("png")
  folder <- new_folder()
  fill_folder(folder)
  sheet <- file.path(folder, "sheet.out")
  lines <- run_photos(folder, paste0("--out=", sheet), "--workers=2")
  expect_null(attr(lines, "status"))

  colour <- printed_rows(lines, "colour.png")
  expect_length(colour, 2)
  expect_equal(colour[[1]][1:3], c("40", "30", "3"))
  # Equal channels have no colour, and the mean of a product is the product of the means.
  expect_equal(as.numeric(colour[[1]][7:8]), c(0, 15.5 * 20.5 / 1200), tolerance = 0.01)
  expect_equal(colour[[2]][1:3], colour[[2]][4:6])
  expect_equal(printed_rows(lines, "nested/grey alpha.png")[[1]][1:3], c("10", "20", "2"))

  expect_match(lines, "^broken.png can't be read and is left out: .*neither a JPEG", all = FALSE)
  expect_match(lines, "lomp_map with .workers = 2 took .*results are identical", all = FALSE)
  expect_match(lines, "^Memory: the session holds ", all = FALSE)
  expect_match(lines, "^  Worker [0-9]+ analysed [0-9] photograph", all = FALSE)
  pixels <- dim(png::readPNG(sheet))
  expect_true(all(pixels[1:2] > 400))
})

test_that("photos.R says in words which of the two was faster", {
  comparison <- list(workers = 2, same = TRUE, seconds = c(lomp = 82, lapply = 40))
  photos <- photos_functions()
  expect_output(photos$print_time(comparison), "s: lomp_map was SLOWER, by a factor of 2.05. The",
                fixed = TRUE)
  comparison$seconds <- c(lomp = 20, lapply = 40)
  expect_output(photos$print_time(comparison), "was faster, by a factor of 2.00.", fixed = TRUE)
})

test_that("photos.R reads JPEG files, whatever their extension's case", {
  skip_if_not_installed("png")
  skip_if_not_installed("jpeg")
  folder <- new_folder()
  fill_folder(folder)
  bytes <- readBin(file.path(folder, "grey.JPG"), "raw", 1e5)
  writeBin(head(bytes, -20), file.path(folder, "cut.jpg"))
  lines <- run_photos(folder, paste0("--out=", tempfile(tmpdir = folder)), "--workers=0")
  expect_equal(printed_rows(lines, "grey.JPG")[[1]][1:3], c("32", "24", "1"))
  expect_match(lines, "^cut.jpg can't be read and is left out: it is cut short", all = FALSE)
  expect_match(lines, "No worker: 3 photographs", all = FALSE)
})

test_that("photos.R says what is wrong with its arguments", {
  folder <- new_folder()
  expect_refused <- function(arguments, message) {
    lines <- run_photos(arguments)
    expect_equal(attr(lines, "status"), 1)
    expect_match(lines, message, fixed = TRUE, all = FALSE)
  }
  expect_refused(folder, "There are no photographs (JPEG or PNG files) in")
  expect_refused(file.path(folder, "missing"), "There is no folder")
  expect_refused("--worker=2", "Can't make sense of --worker=2.")
})

test_that("photos.R says how to install a package that it lacks", {
  photos <- photos_functions()
  folder <- new_folder()
  writeBin(as.raw(c(0xff, 0xd8, 0xff, 0xe0)), file.path(folder, "a.jpg"))
  photos$requireNamespace <- function(...) FALSE
  expect_error(
    photos$require_readers(file.path(folder, "a.jpg")),
    "install.packages(c(\"jpeg\"))", fixed = TRUE
  )
})

test_that("the scores are what their definitions say, however a photograph is cut into strips", {
  photos <- photos_functions()
  photo <- array((seq_len(17 * 23 * 3) * 7919) %% 256 / 255, c(17, 23, 3))
  grey <- 255 * (0.299 * photo[, , 1] + 0.587 * photo[, , 2] + 0.114 * photo[, , 3])
  filtered <- function(kernel) {
    shifts <- expand.grid(row = 1:3, column = 1:3)
    terms <- Map(
      function(row, column) kernel[row, column] * grey[row + 0:14, column + 0:20],
      shifts$row, shifts$column
    )
    Reduce(`+`, terms)
  }
  variance <- function(values) mean((values - mean(values))^2)
  sobel <- outer(c(1, 2, 1), c(-1, 0, 1))
  red_green <- 255 * (photo[, , 1] - photo[, , 2])
  yellow_blue <- 255 * ((photo[, , 1] + photo[, , 2]) / 2 - photo[, , 3])

  whole <- photos$analyse_photo(photo)
  expect_equal(photos$analyse_photo(photo, strip_values = 40), whole)
  expect_equal(whole$sharpness, variance(filtered(rbind(c(0, 1, 0), c(1, -4, 1), c(0, 1, 0)))))
  expect_equal(whole$edges, mean(filtered(sobel)^2 + filtered(t(sobel))^2))
  expect_equal(
    whole$colourful,
    sqrt(variance(red_green) + variance(yellow_blue)) +
      0.3 * sqrt(mean(red_green)^2 + mean(yellow_blue)^2)
  )
  third <- apply(photo, 3, function(plane) mean((plane - mean(plane))^3))
  expect_equal(unname(whole$moments["skew", ]^3), third)
  expect_equal(sum(whole$histogram), 17 * 23)
})

test_that("a photograph without inner pixels has no detail, and the others scores", {
  photos <- photos_functions()
  scores <- photos$analyse_photo(matrix(0.5, 1, 5), 1.5)
  expect_equal(c(scores$sharpness, scores$edges), c(NaN, NaN))
  expect_equal(c(scores$bright, scores$contrast, scores$colourful), c(0.75, 0, 0))
})

# ---- stream.R -----------------------------------------------------------------------------------

# What a function emits, called by itself.
emitted_by <- function(f, ...) {
  values <- list()
  f(..., emit = function(value) values[[length(values) + 1L]] <<- value)
  values
}

# Pictures of each kind, some of them smaller than a tile; noise has edges everywhere.
noisy_photos <- function() {
  noise <- function(...) array((seq_len(prod(...)) * 7919) %% 256 / 255, c(...))
  list(
    grey = noise(c(500, 300)), alpha = noise(c(60, 210, 2)), colour = noise(c(400, 390, 3)),
    both = noise(c(192, 30, 4)), flat = matrix(0.5, 50, 50), dot = matrix(1, 1, 1)
  )
}

# Values of a field of each tile in a list.
field_of <- function(tiles, name) vapply(tiles, `[[`, 0, name)

test_that("stream.R draws the best tiles of a folder", {
  skip_if_not_installed("png")
  folder <- new_folder()
  fill_folder(folder)
  sheet <- file.path(folder, "sheet.out")
  lines <- run_stream(folder, paste0("--out=", sheet), "--workers=2", "--limit=100")
  expect_null(attr(lines, "status"))

  colour <- printed_rows(lines, "colour.png")[[1]]
  expect_equal(colour[c(1:3, 5:6)], c("40", "30", "3", "1", "1"))
  # The gradient of x * y is (y, x), and Sobel's filters multiply it by 8.
  edges <- (8 * 255 / 1200)^2 * (mean((2:29)^2) + mean((2:39)^2))
  expect_equal(as.numeric(colour[7]), edges, tolerance = 0.01)
  expect_equal(printed_rows(lines, "nested/grey alpha.png")[[1]][1:3], c("10", "20", "2"))

  expect_match(lines, "^broken.png can't be read and is left out: .*neither a JPEG", all = FALSE)
  expect_match(lines, "^ +[0-9.]+ s: 1 tile of 1 photograph, edges ", all = FALSE)
  expect_match(lines, "^Edges of [23] tiles above 100: mean ", all = FALSE)
  expect_match(lines, "^Time: with .workers = 2 the first tile came after ", all = FALSE)
  expect_match(lines, "^Memory: the session held .* photographs, and grew by ", all = FALSE)
  expect_match(lines, "^  Worker [0-9]+ searched [0-9] photograph", all = FALSE)
  pixels <- dim(png::readPNG(sheet))
  expect_true(all(pixels[1:2] > 400))
})

test_that("stream.R works without workers, and without a tile above the limit", {
  skip_if_not_installed("png")
  folder <- new_folder()
  fill_folder(folder)
  sheet <- file.path(folder, "sheet.out")
  lines <- run_stream(folder, paste0("--out=", sheet), "--workers=0", "--limit=1e6")
  expect_null(attr(lines, "status"))
  expect_equal(printed_rows(lines, "colour.png")[[1]][5:9], c("1", "0", "NA", "NA", "NA"))
  expect_match(lines, "^No tile has edges above 1e\\+06.$", all = FALSE)
  expect_match(lines, "No worker: [23] photographs searched", all = FALSE)
  expect_match(lines, "There is nothing to draw: try a lower --limit.", fixed = TRUE, all = FALSE)
  expect_false(file.exists(sheet))
})

test_that("stream.R says what is wrong with its arguments", {
  folder <- new_folder()
  expect_refused <- function(arguments, message) {
    lines <- run_stream(arguments)
    expect_equal(attr(lines, "status"), 1)
    expect_match(lines, message, fixed = TRUE, all = FALSE)
  }
  expect_refused(folder, "There are no photographs (JPEG or PNG files) in")
  expect_refused("--exposure=2", "Can't make sense of --exposure=2.")
  expect_refused("--exposure=2", "Usage: Rscript stream.R")
  expect_refused("--limit=low", "--limit takes a number that isn't negative, not low.")
})

test_that("tiles cover a photograph, and the last ones end where it does", {
  stream <- stream_functions()
  expect_equal(stream$tile_starts(8, 4), c(1, 5))
  expect_equal(stream$tile_starts(9, 4), c(1, 5, 6))
  expect_equal(stream$tile_starts(3, 4), 1)
})

test_that("exactly the tiles with enough detail are emitted, then a report", {
  stream <- stream_functions()
  # A step from black to white between columns 6 and 7: both have a gradient of 4, and no other.
  grey <- matrix(rep(c(0, 1), c(6 * 8, 6 * 8)), 8, 12)
  tile <- matrix(rep(as.raw(c(0, 255)), each = 8), 4, 4)
  kinds <- list(
    grey, array(grey, c(8, 12, 2)), array(grey, c(8, 12, 3)), array(grey, c(8, 12, 4))
  )
  for (photo in kinds) {
    values <- emitted_by(stream$find_tiles, photo, limit = 1000, side = 4)
    expect_equal(vapply(values, stream$is_tile, NA), c(TRUE, TRUE, FALSE))
    found <- values[1:2]
    expect_equal(field_of(found, "left"), c(5, 5))
    expect_equal(field_of(found, "top"), c(1, 5))
    expect_equal(field_of(found, "edges"), rep(255^2 * 16, 2))
    expect_equal(field_of(found, "contrast"), rep(0.5, 2))
    expect_equal(found[[1]]$picture, array(tile, c(4, 4, dim(photo)[-(1:2)])))
    expect_equal(values[[3]][c("tried", "pid")], list(tried = 6L, pid = Sys.getpid()))
  }
})

test_that("the tiles are the same with and without workers, and in any order", {
  stream <- stream_functions()
  photos <- noisy_photos()
  watch <- function(...) stream$watch_tiles(photos, 100, ..., progress = function(...) FALSE)
  here <- watch(0, ordered = TRUE)
  expect_equal(lengths(here$arrivals), c(6, 2, 9, 1, 0, 0))
  expect_equal(here$edges$n, 18)
  expect_equal(tabulate(field_of(here$best, "photo"), 6), c(3, 2, 3, 1, 0, 0))
  expect_equal(vapply(here$reports, `[[`, 0L, "tried"), c(6, 2, 9, 1, 1, 1))

  apart <- watch(2, ordered = TRUE)
  same <- c("highest", "edges", "best")
  expect_identical(apart[same], here[same])
  expect_identical(lengths(apart$arrivals), lengths(here$arrivals))
  mixed <- watch(2)
  expect_identical(mixed[c("highest", "best")], here[c("highest", "best")])
  expect_equal(mixed$edges, here$edges)
})

test_that("the best tiles are kept, whatever came first, and only so many of a photograph", {
  stream <- stream_functions()
  offered <- Map(
    function(photo, edges, left) list(photo = photo, edges = edges, left = left, top = 1),
    c(1, 1, 1, 2, 2, 3), c(9, 8, 7, 5, 5, 6), c(1, 5, 9, 1, 5, 1)
  )
  keep <- function(best, tile) stream$keep_best(best, tile, most = 4, most_of_one = 2)
  for (order in list(1:6, 6:1, c(4, 2, 6, 1, 5, 3))) {
    expect_identical(Reduce(keep, offered[order], list()), offered[c(1, 2, 6, 4)])
  }
})

test_that("the running mean and standard deviation are those of all values", {
  stream <- stream_functions()
  values <- 1e6 + c(3, 1, 4, 1, 5, 9, 2, 6)
  moments <- Reduce(stream$add_value, values, list(n = 0, mean = 0, m2 = 0))
  expect_equal(moments$mean, mean(values))
  expect_equal(stream$sd_of(moments), sd(values))
})

test_that("progress is told at the first tile and then only now and then", {
  stream <- stream_functions()
  known <- stream$new_summary(list(a = 0, b = 0))
  known <- stream$add_tile(known, list(edges = 10, left = 1, top = 1), c(b = 2L), 0.5)
  progress <- stream$progress_printer(every = 1)
  expect_output(
    expect_true(progress(known, "b", 0.5)),
    "  0.50 s: 1 tile of 1 photograph, edges 10 on average; the last from b", fixed = TRUE
  )
  expect_silent(expect_false(progress(known, "b", 1.4)))
  expect_output(expect_true(progress(known, "b", 1.5)), "1.50 s")
})
