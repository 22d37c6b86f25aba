# Several machines: daemons of mirai's, each a process of its own that connects to this session by
# TCP. They are on this machine, some of them in network namespaces, which makes hosts of them.

skip_without_mirai <- function() {
  skip_on_cran()
  skip_without_proc()
  skip_if_not_installed("mirai", "2.7.0")
  skip_if_not_installed("nanonext")
}

# ---- Daemons ------------------------------------------------------------------------------------

machines_made <- new.env()

# A number that no other set of machines of this session has.
next_set <- function() {
  machines_made$sets <- c(machines_made$sets, 0)
  length(machines_made$sets)
}

# Keys take a second to make: one pair for each address.
certificate_for <- function(host) {
  if (is.null(machines_made[[host]])) machines_made[[host]] <- nanonext::write_cert(cn = host)
  machines_made[[host]]
}

# `n` daemons of a fresh compute profile, as an environment: `profile`, `url`, `pids` of the daemons
# (NA of one that was killed) and functions that take a daemon's number:
#   add(cores)     one more daemon; also any further argument of start_daemon()
#   kill(k)        ends it as kill -9 does, and waits until the session has noticed
#   stop(k)        holds it (not its workers) as a debugger would; continue(k) lets it go on
#   children(k)    its children
# `cores` is how many workers each has; what else there is goes to mirai::daemon(). They end with
# the test, and the test fails if a daemon, or a process that one has started, is still there after
# `seconds`.
local_machines <- function(n = 2, cores = 1, tls = FALSE, ..., host = "127.0.0.1",
                           env = parent.frame()) {
  skip_without_mirai()
  machines <- open_machines(host, tls, list(...))
  withr::defer(close_machines(machines), env)
  cores <- rep_len(cores, n)
  for (k in seq_len(n)) start_daemon(machines, cores[[k]])
  await_machines(machines)
  machines
}

open_machines <- function(host, tls, arguments = list()) {
  machines <- new.env()
  machines$profile <- sprintf("machines-%d-%d", Sys.getpid(), next_set())
  certificate <- if (tls) certificate_for(host)
  mirai::daemons(url = sprintf("%s://%s:0", if (tls) "tls+tcp" else "tcp", host), dispatcher = TRUE,
                 tls = certificate$server, .compute = machines$profile)
  machines$url <- mirai::nextget("url", machines$profile)
  machines$arguments <- c(list(dispatcher = TRUE), arguments,
                          if (tls) list(tlscert = certificate$client))
  machines$pids <- integer()
  machines$runs <- list()
  machines$started <- integer()
  machines$seconds <- 10
  add_steering(machines)
}

add_steering <- function(machines) {
  signal <- function(k, signal) for (pid in machines$pids[k]) tools::pskill(pid, signal)
  machines$add <- function(...) {
    connected <- connections_of(machines)
    start_daemon(machines, ...)
    await_machines(machines, connected + 1L)
  }
  machines$kill <- function(k) {
    note_children(machines)
    left <- connections_of(machines) - length(k)
    signal(k, tools::SIGKILL)
    machines$pids[k] <- NA_integer_
    # Of one that is cut off the session doesn't hear.
    wait_until(connections_of(machines) <= left, machines$seconds)
  }
  machines$stop <- function(k) {
    signal(k, tools::SIGSTOP)
    wait_until(all(vapply(machines$pids[k], process_state, "") == "T"))
  }
  machines$continue <- function(k) signal(k, tools::SIGCONT)
  machines$children <- function(k) unlist(lapply(machines$pids[k], machine_children))
  machines
}

# Doesn't wait for the connection. `command` is what stands before Rscript's own command.
start_daemon <- function(machines, cores = 1, url = machines$url, command = "", options = list()) {
  values <- list(arguments = c(list(url = url), machines$arguments),
                 settings = c(list(lomp.workers = cores), options))
  run <- start_r(quote({
    base::options(settings)
    do.call(mirai::daemon, arguments)
  }), values, command = paste(command, rscript_command()))
  machines$runs <- c(machines$runs, list(run))
  machines$pids <- c(machines$pids, run$pid)
  invisible(run$pid)
}

connections_of <- function(machines) mirai::info(machines$profile)[["connections"]]

# Waits until as many daemons are connected as are there.
await_machines <- function(machines, n = sum(!is.na(machines$pids)), seconds = 60) {
  if (wait_until(connections_of(machines) == n, seconds)) return(invisible(machines))
  said <- unlist(lapply(machines$runs, function(run) lines_of(file.path(run$folder, "err"))))
  stop(paste(c(sprintf("%d of %d daemons are connected", connections_of(machines), n), said),
             collapse = "\n"))
}

# Children of any of its threads.
machine_children <- function(pid) {
  if (is.na(pid)) return(integer())
  lines <- unlist(lapply(Sys.glob(sprintf("/proc/%d/task/*/children", pid)), lines_of))
  scan(text = as.character(lines), what = 0L, quiet = TRUE)
}

expect_no_machine_children <- function(machines, seconds = 10) {
  all_of_them <- function() unlist(lapply(machines$pids, machine_children))
  wait_until(length(all_of_them()) == 0L, seconds)
  left <- all_of_them()
  expect(length(left) == 0L, paste("daemons have children left:", toString(left)))
}

# Before daemons end, since what they have started has other parents afterwards.
note_children <- function(machines) {
  children <- unlist(lapply(machines$pids, machine_children))
  machines$started <- union(machines$started, children)
}

close_machines <- function(machines) {
  note_children(machines)
  processes <- c(vapply(machines$runs, function(run) run$pid, 0L), machines$started)
  machines$continue(!is.na(machines$pids))
  mirai::daemons(0, .compute = machines$profile)
  wait_until(!any(is_alive(processes)), machines$seconds)
  left <- processes[is_alive(processes)]
  for (pid in left) tools::pskill(pid, tools::SIGKILL)
  ended <- function(run) length(lines_of(file.path(run$folder, "status"))) == 1L
  wait_until(all(vapply(machines$runs, ended, NA)), 10)
  for (run in machines$runs) unlink(run$folder, recursive = TRUE)
  expect(length(left) == 0L, paste("processes of machines are left:", toString(left)))
}

# ---- Programs that a test steers ----------------------------------------------------------------

# Starts a program of tools/ that is made with steered.py. It ends with the test, and with this
# session if that is killed. `ask(command, ...)` gives the words of its answer.
local_steered <- function(program, arguments, env = parent.frame()) {
  skip_if(Sys.which("python3") == "", "no python3")
  out <- tempfile("steered")
  system2("python3", shQuote(c("-B", file.path(tools_folder, program), arguments)), stdout = out,
          stderr = paste0(out, ".err"), wait = FALSE)
  withr::defer(unlink(paste0(out, c("", ".err"))), env)
  # A line that is being written has no end yet.
  is_there <- wait_until(file.exists(out) && grepl("\n", readChar(out, 100), fixed = TRUE))
  if (!is_there) stop(paste(c(program, lines_of(paste0(out, ".err"))), collapse = "\n"))
  ports <- scan(out, quiet = TRUE)
  steering <- socketConnection(port = ports[[length(ports)]], open = "r+b", blocking = TRUE)
  withr::defer(close(steering), env)
  list(ports = ports[-length(ports)], ask = function(...) {
    writeLines(paste(...), steering)
    strsplit(readLines(steering, 1L), " ")[[1L]]
  })
}

# ---- A relay between daemons and session --------------------------------------------------------

# Daemons that are given its `url` (machines$add(url = relay$url)) reach the session through it.
# `bytes()` counts what it has forwarded `to` the session and `from` it, and `connections`. To
# `stall()` it cuts a machine off, while all connections stay open, until `resume()`; `drop()`
# resets them. `delay(seconds)` holds up what comes.
local_relay <- function(machines, delay_ms = 0, env = parent.frame()) {
  parts <- regmatches(machines$url, regexec("^(.*://)(.*):([0-9]+)$", machines$url))[[1L]]
  steered <- local_steered("relay.py", parts[3:4], env)
  tell <- function(...) invisible(steered$ask(...))
  if (delay_ms > 0) tell("delay", delay_ms / 1000)
  list(
    url = sprintf("%s127.0.0.1:%d", parts[[2L]], steered$ports),
    bytes = function() {
      counts <- as.numeric(steered$ask("bytes"))
      names(counts) <- c("to", "from", "connections")
      counts
    },
    delay = function(seconds) tell("delay", seconds), drop = function() tell("drop"),
    stall = function() tell("stall"), resume = function() tell("resume")
  )
}

# ---- Hosts --------------------------------------------------------------------------------------

# Runs a command of iproute2's; TRUE if that worked.
ip <- function(...) {
  words <- paste(...)
  system2("ip", words, stdout = FALSE, stderr = FALSE) == 0L
}

need_ip <- function(...) if (!ip(...)) stop("this doesn't work: ip ", paste(...))

skip_without_namespaces <- function() {
  skip_if(Sys.which("ip") == "", "no iproute2")
  probe <- sprintf("lomp%d", Sys.getpid())
  works <- ip("netns add", probe)
  on.exit({
    ip("link delete", probe)
    ip("netns delete", probe)
  })
  works <- works && ip("netns exec", probe, "true") && ip("link add", probe, "type bridge")
  skip_if_not(works, "no right to make network namespaces and bridges")
}

# `n` hosts with a daemon each: what local_machines() gives, where `cut(k)` takes down the link to a
# host, as if its cable had been pulled, and `mend(k)` puts it up again. With a delay or a loss (of
# each frame, on either way) the link is tools/wire.py, and skips the test where there is no TUN.
local_hosts <- function(n = 2, delay_ms = 0, loss = 0, cores = 1, tls = FALSE, ...,
                        env = parent.frame()) {
  skip_without_mirai()
  skip_without_namespaces()
  net <- local_bridge(env)
  hosts <- vapply(seq_len(n), function(k) add_host(net, k, delay_ms, loss, env), "")
  machines <- open_machines(net$address, tls, list(...))
  withr::defer(close_machines(machines), env)
  cores <- rep_len(cores, n)
  for (k in seq_len(n)) start_daemon(machines, cores[[k]], command = inside_host(hosts[[k]]))
  machines$cut <- function(k) for (one in k) need_ip("link set", link_name(net, one), "down")
  machines$mend <- function(k) for (one in k) need_ip("link set", link_name(net, one), "up")
  await_machines(machines)
}

inside_host <- function(host) paste("ip netns exec", host)

link_name <- function(net, k) sprintf("%s.%d", net$name, k)

# The network of a session's hosts, with addresses that are set aside for such tests (RFC 2544).
local_bridge <- function(env) {
  name <- sprintf("lomp%d%s", Sys.getpid(), letters[[(next_set() - 1L) %% 26L + 1L]])
  net <- list(name = name)
  for (subnet in sample(0:255)) {
    net$subnet <- sprintf("198.18.%d", subnet)
    if (!any(grepl(net$subnet, system2("ip", "-4 address", stdout = TRUE), fixed = TRUE))) break
  }
  net$address <- paste0(net$subnet, ".1")
  withr::defer(ip("link delete", net$name), env)
  need_ip("link add", net$name, "type bridge")
  need_ip("address add", paste0(net$address, "/24"), "dev", net$name)
  need_ip("link set", net$name, "up")
  net
}

# Returns the name of the host's namespace.
add_host <- function(net, k, delay_ms, loss, env) {
  host <- near <- link_name(net, k)
  inside <- function(...) need_ip("-n", host, ...)
  withr::defer(ip("netns delete", host), env)
  need_ip("netns add", host)
  if (delay_ms > 0 || loss > 0) {
    skip_if_not(file.exists("/dev/net/tun"), "no TUN driver")
    local_steered("wire.py", c(near, host, "eth0", delay_ms / 1000, loss), env)
  } else {
    need_ip("link add", near, "type veth peer name eth0 netns", host)
  }
  need_ip("link set", near, "master", net$name, "up")
  inside("address add", sprintf("%s.%d/24", net$subnet, k + 1L), "dev eth0")
  inside("link set eth0 up")
  inside("link set lo up")
  host
}

# ---- Items on machines --------------------------------------------------------------------------

# Facts that items tell by files, since they are on other machines: one for each that has begun.
begin_item <- function(flag, i) file.create(sprintf("%s-begun-%d-%d", flag, i, Sys.getpid()))
n_begun <- function(flag, i = "*") length(Sys.glob(sprintf("%s-begun-%s-*", flag, i)))

say_until <- function(flag) {
  for (k in 1:600) {
    if (file.exists(flag)) return()
    message("go")
    Sys.sleep(0.1)
  }
  stop("waited in vain")
}

# The daemon whose worker runs this.
own_daemon <- function() {
  fields <- sub(".*\\) ", "", readLines("/proc/self/stat"))
  as.integer(strsplit(fields, " ", fixed = TRUE)[[1L]][[2L]])
}

# Items find what is in their test's file, not what testthat has for all files.
take_item_tools <- function(env = parent.frame()) {
  for (name in c("begin_item", "n_begun", "own_daemon", "say_until", "wait_for")) {
    tool <- get(name)
    environment(tool) <- env
    assign(name, tool, envir = env)
  }
}

# Some items may have been run twice: that is told.
expect_gone <- function(code) expect_warning(code, class = "lomp_machine_gone")

# What is done when so many items have begun, while the session is in the call: by a message. It
# hands out nothing while it waits; items that say_until() something have it come again.
when_begun <- function(n, flag, act, code, seconds = 60) {
  has_acted <- FALSE
  withCallingHandlers(code, message = function(cnd) {
    if (!has_acted && wait_until(n_begun(flag) >= n, seconds)) {
      has_acted <<- TRUE
      act()
    }
    invokeRestart("muffleMessage")
  })
}

is_free <- function(machines) {
  wait_until(mirai::info(machines$profile)[["executing"]] == 0, 60)
}
