# The example programs, run as a user runs them: by Rscript, in a process of its own, from the
# installed package.

photos_script <- function() system.file("examples", "photos.R", package = "lomp", mustWork = TRUE)

# What the program printed, errors included, with its exit status as an attribute where it isn't 0.
run_photos <- function(...) {
  libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  rscript <- file.path(R.home("bin"), "Rscript")
  arguments <- shQuote(c(photos_script(), ...))
  suppressWarnings(system2(rscript, arguments, stdout = TRUE, stderr = TRUE, env = libraries))
}

# The program's functions, to be called one by one.
photos_functions <- function() {
  functions <- new.env()
  sys.source(photos_script(), functions)
  functions
}

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
