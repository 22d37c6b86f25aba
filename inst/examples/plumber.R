# A web service that scores photographs in workers and answers all other requests meanwhile. Run it
# by
#
#   R -e 'plumber::pr_run(plumber::pr(system.file("examples/plumber.R", package = "lomp")))'
#
# The folder is that of photos.R, or what the variable LOMP_PHOTOS of the environment says.

# How photographs are found, read and scored; see there.
photos <- new.env()
sys.source(system.file("examples", "photos.R", package = "lomp", mustWork = TRUE), photos)

paths <- photos$find_photos(Sys.getenv("LOMP_PHOTOS", photos$default_folder))

score_file <- function(path) {
  scores <- photos$analyse_photo(photos$read_photo(path))
  scores[c("sharpness", "edges", "colourful", "bright", "contrast", "entropy")]
}

# Requests that have a worker now. More than the machine has processors for are sent away.
at_work <- 0

# The promise of what `f` makes of `x`: plumber answers when it is kept, and goes on until then.
in_worker <- function(x, f) {
  it <- lomp::lomp_iterate(list(x), f, .workers = 1, .timeout = 60)
  at_work <<- at_work + 1
  promises::finally(promises::as.promise(it), function() {
    at_work <<- at_work - 1
    it(close = TRUE)
  })
}

#* The names of all photographs
#* @get /photos
function() names(paths)

#* The scores of one of them
#* @param name Its name.
#* @get /scores
#* @serializer unboxedJSON
function(name, res) {
  refuse <- function(status, why) {
    res$status <- status
    list(error = why)
  }
  if (!name %in% names(paths)) return(refuse(404, "there is no such photograph"))
  if (at_work >= lomp::lomp_workers()) return(refuse(503, "all workers are busy"))
  in_worker(paths[[name]], score_file)
}
