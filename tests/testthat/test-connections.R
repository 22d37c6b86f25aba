# A worker has no part in the connections that its session has open.

skip_on_cran()

# ---- A server -----------------------------------------------------------------------------------

# Answers each request with its path, in a process of its own, which the test that calls this ends.
# Gives a function that makes a path an address.
local_server <- function(frame = parent.frame()) {
  skip_if_not_installed("httpuv")
  run <- start_r(quote({
    answer <- function(request) list(status = 200L, headers = list(), body = request$PATH_INFO)
    port <- httpuv::randomPort()
    server <- httpuv::startServer("127.0.0.1", port, list(call = answer))
    note(port)
    end <- Sys.time() + 300
    while (Sys.time() < end) httpuv::service(1000)
  }))
  withr::defer({
    end_run(run)
    finish_r(run)
  }, frame)
  if (!wait_until(nrow(ledger_of(run)) == 1L)) stop(told(finish_r(run, 0)))
  port <- ledger_of(run)$text
  function(path) sprintf("http://127.0.0.1:%s/%s", port, path)
}

by_curl <- function(address) rawToChar(curl::curl_fetch_memory(address)$content)

by_httr <- function(address) httr::content(httr::GET(address), "text", encoding = "UTF-8")

# Two hundred requests, one an item, by a session that keeps a connection to the server alive. Each
# answer is that of its request, also those to the session before and afterwards.
expect_own_answers <- function(get, map, address) {
  expect_identical(get(address("first")), "/first")
  item <- function(i) get(address(i))
  took <- seconds(answers <- map(1:200, item))
  expect_identical(answers, as.list(sprintf("/%d", 1:200)))
  expect_lt(took, 60)
  for (k in 1:5) expect_identical(get(address(paste0("after", k))), paste0("/after", k))
}

test_that("requests in items get their own answers where the session has a connection alive", {
  skip_if_not_installed("curl")
  address <- local_server()
  map <- function(x, f) lomp_map(x, f, .workers = 4, .timeout = 20)
  expect_own_answers(by_curl, map, address)
  skip_if_not_installed("httr")
  expect_own_answers(by_httr, map, address)
})

test_that("requests in an iterator's items get their own answers", {
  skip_if_not_installed("curl")
  address <- local_server()
  map <- function(x, f) {
    it <- lomp_iterate(x, f, .workers = 4, .timeout = 20, .ordered = TRUE)
    # The session's own connection is in use while workers use theirs.
    for (k in 1:5) expect_identical(by_curl(address("between")), "/between")
    as.list(it)
  }
  expect_own_answers(by_curl, map, address)
})

test_that("requests by workers of a worker get their own answers", {
  skip_if_not_installed("curl")
  address <- local_server()
  item <- function(i) {
    first <- by_curl(address(i))
    answers <- lomp_map(1:10, function(k) by_curl(address(10 * i + k)), .workers = 2)
    c(first, unlist(answers), by_curl(address("after")))
  }
  expect_identical(by_curl(address("first")), "/first")
  expected <- lapply(1:6, function(i) sprintf("/%s", c(i, 10 * i + 1:10, "after")))
  expect_identical(lomp_map(1:6, item, .workers = 3, .timeout = 60), expected)
})

# ---- Sockets of R's own -------------------------------------------------------------------------

# Two ends of a connection in this process, and the socket that listens.
local_connection <- function(frame = parent.frame()) {
  skip_if(getRversion() < "4.0.0", "serverSocket() is of R 4.0.0")
  for (port in 20000 + sample.int(20000, 50)) {
    listening <- tryCatch(serverSocket(port), error = function(cnd) NULL)
    if (!is.null(listening)) break
  }
  client <- socketConnection(port = port, open = "r+", blocking = TRUE, timeout = 20)
  server <- socketAccept(listening, open = "r+", blocking = TRUE, timeout = 20)
  withr::defer(for (con in list(client, server, listening)) close(con), frame)
  list(client = client, server = server, listening = listening)
}

sockets <- function() {
  files <- Sys.readlink(file.path("/proc/self/fd", descriptors()))
  grep("^socket:", files, value = TRUE)
}

test_that("a socket of the session is at its end in an item and unharmed in the session", {
  ends <- with_seed(1, local_connection())
  writeLines("question", ends$server)
  item <- function(i) {
    writeLines("from an item", ends$client)
    accept <- function() suppressWarnings(socketAccept(ends$listening, timeout = 20))
    list(readLines(ends$client, 1), tryCatch(accept(), error = function(cnd) "nobody can connect"))
  }
  took <- seconds(heard <- lomp_map(1:2, item, .workers = 2))
  expect_identical(heard, rep(list(list(character(), "nobody can connect")), 2))
  expect_lt(took, 15)
  expect_identical(readLines(ends$client, 1), "question")
  writeLines("answer", ends$client)
  expect_identical(readLines(ends$server, 1), "answer")
})

test_that("workers share the session's sockets if they are to keep them", {
  skip_without_proc()
  ends <- with_seed(2, local_connection())
  own <- sockets()
  expect_gte(length(own), 3L)
  shared <- function(keep, map) {
    in_worker <- with_options(list(lomp.keep_connections = keep), map(1, function(i) sockets()))
    sum(own %in% in_worker[[1]])
  }
  for (map in list(lomp_map, function(...) as.list(lomp_iterate(...)))) {
    one_worker <- function(x, f) map(x, f, .workers = 1)
    expect_identical(shared(TRUE, one_worker), length(own))
    expect_identical(shared(FALSE, one_worker), 0L)
    expect_identical(shared(NULL, one_worker), 0L)
  }
})

test_that("what the option may be is checked", {
  for (value in list("yes", NA, 1, c(TRUE, TRUE))) {
    with_options(list(lomp.keep_connections = value), {
      expect_argument_error(lomp_map(1:3, identity, .workers = 2), "option lomp.keep_connections")
    })
  }
  expect_messages(
    caught(with_options(list(lomp.keep_connections = "yes"), lomp_iterate(1:3, identity)))
  )
})

# ---- Servers and programs of the session --------------------------------------------------------

test_that("a server in the session goes on whatever items do to it", {
  skip_if_not_installed("httpuv")
  skip_if_not_installed("curl")
  port <- httpuv::randomPort()
  answer <- function(request) list(status = 200L, headers = list(), body = request$PATH_INFO)
  server <- httpuv::startServer("127.0.0.1", port, list(call = answer))
  withr::defer(httpuv::stopServer(server))
  lomp_map(1:4, function(i) httpuv::stopServer(server), .workers = 2, .timeout = 20)
  heard <- character()
  note_answer <- function(response) heard <<- rawToChar(response$content)
  curl::curl_fetch_multi(sprintf("http://127.0.0.1:%d/question", port), done = note_answer)
  expect_true(wait_until({
    curl::multi_run(0.01)
    httpuv::service(10)
    length(heard) > 0L
  }))
  expect_identical(heard, "/question")
})

test_that("a program that the session talks to hears and tells nobody else", {
  skip_if_not_installed("processx")
  program <- processx::process$new("cat", stdin = "|", stdout = "|")
  withr::defer(program$kill())
  item <- function(i) {
    tryCatch(program$write_input("from an item\n"), error = function(cnd) NULL)
    tryCatch(program$read_output(), error = function(cnd) "")
  }
  expect_identical(lomp_map(1:4, item, .workers = 2, .timeout = 20), rep(list(""), 4))
  program$write_input("from the session\n")
  program$poll_io(20000)
  expect_identical(program$read_output_lines(), "from the session")
})

# ---- A database's client ------------------------------------------------------------------------

# To compile this package takes longer than all other tests of this file, so only those who have it
# run the test with it.
client <- "RPostgres"

# A PostgreSQL server that listens in a folder of its own, which the test that calls this ends.
local_postgres <- function(frame = parent.frame()) {
  skip_if_not_installed(client)
  programs <- rev(Sys.glob("/usr/lib/postgresql/*/bin"))
  skip_if(length(programs) == 0L, "no PostgreSQL server")
  folder <- tempfile("lomp-postgres", dirname(tempdir()))  # others can't look into tempdir()
  dir.create(folder)
  Sys.chmod(folder, "777", use_umask = FALSE)
  # It refuses to run as root.
  other <- if (Sys.info()[["effective_user"]] == "root") {
    "setpriv --reuid=nobody --regid=nogroup --clear-groups"
  }
  run <- function(program, ...) {
    words <- c(other, file.path(programs[[1L]], program), "-D", file.path(folder, "data"), ...)
    system(paste(c(words, ">/dev/null 2>&1"), collapse = " "))
  }
  withr::defer({
    run("pg_ctl", "-m immediate stop")
    unlink(folder, recursive = TRUE)
  }, frame)
  begun <- run("initdb", "-A trust -U lomp --no-sync --locale=C") == 0L &&
    run("pg_ctl", "-w -l", file.path(folder, "data", "log"), "-o",
        shQuote(paste("-F -c listen_addresses= -k", folder)), "start") == 0L
  skip_if_not(begun, "the PostgreSQL server can't be started")
  folder
}

test_that("a database's connection is dead in items and unharmed in the session", {
  folder <- local_postgres()
  connect <- getExportedValue("DBI", "dbConnect")
  query <- getExportedValue("DBI", "dbGetQuery")
  ask <- function(i) query(db, sprintf("select %d as i, pg_backend_pid() as server", i))
  db <- connect(getExportedValue(client, "Postgres")(), host = folder, user = "lomp",
                dbname = "postgres")
  withr::defer(getExportedValue("DBI", "dbDisconnect")(db), priority = "first")
  ours <- ask(0)$server
  took <- seconds(suppressWarnings(
    answers <- lomp_map(1:40, ask, .workers = 4, .on_error = "collect", .timeout = 20)
  ))
  ok <- lomp_ok(answers)
  expect_lt(took, 15)
  expect_identical(vapply(answers[ok], function(a) a$i, 0L), which(ok))
  expect_false(ours %in% vapply(answers[ok], function(a) a$server, 0L))
  expect_gt(sum(!ok), 0L)
  for (failure in answers[!ok]) expect_match(conditionMessage(failure), "closed the connection")
  for (k in 1:3) expect_identical(ask(k), data.frame(i = k, server = ours))
})
