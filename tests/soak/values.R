# What an item's result is, from its index alone.

# A number from 0 to 2^31 - 2 that looks random; R's own generator is the items'.
hash_of <- function(seed, i, salt = 0) {
  x <- (seed %% 1e6) * 1009 + i * 31 + salt * 7
  for (k in 1:4) x <- (x * 16807 + 12345) %% 2147483647
  x
}

choose <- function(seed, i, salt, choices) choices[[hash_of(seed, i, salt) %% length(choices) + 1]]

# From nothing to the most that the call allows, small ones more often.
bytes_of <- function(seed, i, most) floor(most^((hash_of(seed, i, 3) %% 1000) / 1000)) - 1

fill <- function(pattern, n) {
  values <- rep_len(pattern, n)
  if (n > 0) values[[n]] <- pattern[[1L]]
  values
}

makers <- list(
  nothing = function(h, bytes) NULL,
  logical = function(h, bytes) fill(c(h %% 2 == 0, NA, TRUE), bytes %/% 4),
  integer = function(h, bytes) fill(as.integer(h %% 1e6) + 0:1008, bytes %/% 4),
  double = function(h, bytes) fill(c(h, NaN, -0, (h + 0:1008) / 3), bytes %/% 8),
  complex = function(h, bytes) fill(complex(real = h + 0:508, imaginary = -h), bytes %/% 16),
  raw = function(h, bytes) fill(as.raw((h + 0:250) %% 256), bytes),
  character = function(h, bytes) fill(c(paste0("s\u00e4", h + 0:996), NA), bytes %/% 60),
  string = function(h, bytes) strrep(paste0("<", h, ">"), bytes %/% 12),
  matrix = function(h, bytes) {
    matrix((h + 0:2) / 7, 3, 1 + bytes %/% 24, dimnames = list(letters[1:3], NULL))
  },
  attributes = function(h, bytes) {
    structure(fill(h + 0:99, bytes %/% 8), class = "soaked", note = list(h, as.character(h)))
  },
  factor = function(h, bytes) factor(fill(letters[h %% 20 + 1:6], bytes %/% 4), letters),
  frame = function(h, bytes) {
    data.frame(x = fill(h + 0:9, 1 + bytes %/% 24), y = fill(letters, 1 + bytes %/% 24))
  },
  list = function(h, bytes) {
    third <- bytes %/% 3
    list(a = makers$integer(h, third), b = list(NULL, makers$double(h, third), "b"),
         makers$character(h, third))
  },
  many = function(h, bytes) lapply(1:8, function(k) makers$double(h + k, bytes %/% 8)),
  code = function(h, bytes) bquote(f(.(h), x = g(y))),
  condition = function(h, bytes) simpleError(paste("only a value", h)),
  end = function(h, bytes) lomp_done()
)

# The part is 0 for the result of a map. Ends and the like are rare, since a fault of theirs would
# hide the others.
value_of <- function(plan, i, part = 0) {
  salt <- 100 + part
  h <- hash_of(plan$seed, i, salt)
  kinds <- setdiff(names(makers), if (part > 0 || h %% 40 != 0) "end")
  kind <- choose(plan$seed, i, salt + 1, kinds)
  value <- makers[[kind]](h, bytes_of(plan$seed, i + 1000 * part, plan$bytes))
  if (part > 0) list(item = i, part = part, value = value) else value
}
