# What is the same for all items of a call, as a file that other machines are sent in slices.

# `hash` is the same for what is serialized to the same bytes, so that a machine that has got it in
# an earlier call needn't get it again. The file is the caller's: see drop_constants().
constants_of <- function(object) {
  path <- tempfile("lomp_constants")
  done <- FALSE
  on.exit(if (!done) unlink(path))
  write_constants(object, path)
  bytes <- file.size(path)
  hash <- sprintf("%s-%.0f", tools::md5sum(path)[[1L]], bytes)
  done <- TRUE
  list(path = path, bytes = bytes, hash = hash)
}

# The bytes of numbers are in the order that both ends have, in which they need no conversion.
write_constants <- function(object, path) {
  connection <- file(path, "wb")
  on.exit(close(connection))
  serialize(object, connection, xdr = FALSE)
}

# `n` bytes from `offset` on, which is 0 for the first; fewer at the end.
constants_slice <- function(constants, offset, n) {
  connection <- file(constants$path, "rb")
  on.exit(close(connection))
  seek(connection, offset)
  readBin(connection, "raw", n)
}

drop_constants <- function(constants) unlink(constants$path)

received_constants <- function(path) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  unserialize(connection)
}
