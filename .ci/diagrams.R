# Draws the diagrams of ARCHITECTURE.md, as SVG that is plain text.
#
#   Rscript .ci/diagrams.R           into vignettes/
#   Rscript .ci/diagrams.R FOLDER    into another folder
#
# Base R alone, and the same input gives the same bytes. What doesn't fit into its box is an error
# here, by an estimate for a wide sans-serif font; look at what you draw all the same.

colours <- list(
  parent = "#dbe9f9", worker = "#fde6c8", shared = "#e6e6e6", kept = "#d9f0dc", lost = "#f9d7d7",
  note = "#fffbe0", plain = "#ffffff", band = "#f6f6f6"
)
text_size <- 13
line_height <- 17

# ---- Elements: each is a vector of lines --------------------------------------------------------

escape <- function(text) {
  text <- gsub("&", "&amp;", text, fixed = TRUE)
  text <- gsub("<", "&lt;", text, fixed = TRUE)
  gsub(">", "&gt;", text, fixed = TRUE)
}

number <- function(x) format(round(x, 1), trim = TRUE, scientific = FALSE)

attributes_of <- function(...) {
  all <- list(...)
  values <- vapply(all, function(x) if (is.numeric(x)) number(x) else x, "")
  if (length(all) == 0) return("")
  paste0(" ", names(all), "=\"", values, "\"", collapse = "")
}

tag <- function(name, ..., content = NULL) {
  end <- if (is.null(content)) "/>" else paste0(">", content, "</", name, ">")
  paste0("<", name, attributes_of(...), end)
}

# In the widths of DejaVu Sans, which is as wide as any.
width_of <- function(text, is_bold = FALSE) {
  width <- function(characters) {
    narrow <- characters %in% strsplit("ijl.,:;'|()[] -/ftrI", "")[[1]]
    wide <- characters %in% strsplit("mwMW%@", "")[[1]]
    sum(ifelse(narrow, 0.36, ifelse(wide, 0.9, ifelse(grepl("[A-Z]", characters), 0.69, 0.6))))
  }
  vapply(strsplit(text, ""), width, 0) * text_size * ifelse(is_bold, 1.12, 1)
}

rectangle <- function(x, y, width, height, fill, stroke = "#555555", ...) {
  tag("rect", x = x, y = y, width = width, height = height, rx = 4, fill = fill, stroke = stroke,
      ...)
}

# Lines below each other; `y` is the middle of all.
words <- function(x, y, lines, anchor = "middle", bold = 0, colour = "#111111") {
  at <- y + (seq_along(lines) - (length(lines) + 1) / 2) * line_height + 4.5
  weight <- ifelse(seq_along(lines) %in% bold, "bold", "normal")
  unlist(Map(function(line, y, weight) {
    tag("text", x = x, y = y, "text-anchor" = anchor, "font-weight" = weight, fill = colour,
        content = escape(line))
  }, lines, at, weight), use.names = FALSE)
}

must_fit <- function(lines, width, height, bold) {
  wide <- width_of(lines, seq_along(lines) %in% bold) > width - 6
  if (any(wide)) stop("too wide for its box: ", lines[wide][[1]])
  if (length(lines) * line_height > height - 2) stop("too high for its box: ", lines[[1]])
}

# With its lines in the middle, the first of them bold unless told otherwise.
box <- function(x, y, width, height, lines, fill = "plain", bold = 1) {
  must_fit(lines, width, height, bold)
  c(rectangle(x, y, width, height, colours[[fill]]),
    words(x + width / 2, y + height / 2, lines, bold = bold))
}

# The same, without an edge, from the left.
note <- function(x, y, width, height, lines, bold = 0, fill = "note") {
  must_fit(lines, width - 6, height, bold)
  c(rectangle(x, y, width, height, colours[[fill]], "none"),
    words(x + 8, y + height / 2, lines, anchor = "start", bold = bold))
}

# A frame around other things, with a title in its upper left corner.
frame <- function(x, y, width, height, title, fill = "band") {
  c(rectangle(x, y, width, height, colours[[fill]], "#999999"),
    words(x + 10, y + 16, title, anchor = "start", bold = 1))
}

head_of_arrow <- function(x, y, angle) {
  corner <- function(turn) {
    c(x - 9 * cos(angle + turn), y - 9 * sin(angle + turn))
  }
  points <- rbind(c(x, y), corner(0.4), corner(-0.4))
  tag("polygon", points = paste(number(points[, 1]), number(points[, 2]), sep = ",",
                                collapse = " "), fill = "#333333")
}

# Through all points; its label stands above the middle of its first part, or beside it.
arrow <- function(x, y, label = NULL, is_dashed = FALSE, has_head = TRUE, side = "above") {
  n <- length(x)
  dash <- if (is_dashed) "6 4" else "none"
  line <- tag("polyline", points = paste(number(x), number(y), sep = ",", collapse = " "),
              fill = "none", stroke = "#333333", "stroke-width" = 1.4, "stroke-dasharray" = dash)
  c(line, if (has_head) head_of_arrow(x[n], y[n], atan2(y[n] - y[n - 1], x[n] - x[n - 1])),
    if (!is.null(label)) label_of_arrow(x, y, label, side))
}

label_of_arrow <- function(x, y, label, side) {
  middle <- c(mean(x[1:2]), mean(y[1:2]))
  if (side == "above") {
    room <- abs(x[[2]] - x[[1]])
    if (any(width_of(label) > room + 2)) stop("too wide for its arrow: ", label[[1]])
    return(words(middle[[1]], middle[[2]] - 4 - length(label) * line_height / 2, label))
  }
  words(middle[[1]] + 8, middle[[2]], label, anchor = "start")
}

# A lane of time, from the top to the bottom.
lane <- function(x, y, end, lines, fill, width = 190) {
  height <- 10 + line_height * length(lines)
  c(arrow(c(x, x), c(y + height, end), is_dashed = TRUE, has_head = FALSE),
    box(x - width / 2, y, width, height, lines, fill))
}

picture <- function(width, height, title, ...) {
  c(
    paste0("<svg xmlns=\"http://www.w3.org/2000/svg\"", attributes_of(
      viewBox = paste("0 0", width, height), width = width, height = height, role = "img",
      "font-family" = "sans-serif", "font-size" = text_size
    ), ">"),
    tag("title", content = escape(title))[[1]],
    tag("rect", x = 0, y = 0, width = width, height = height, fill = "#ffffff"),
    c(...),
    "</svg>"
  )
}

# ---- Layers and rooms ---------------------------------------------------------------------------

row_of_boxes <- function(x, y, width, height, gap, contents, fill = "plain") {
  each <- (width - gap * (length(contents) - 1)) / length(contents)
  fills <- rep_len(fill, length(contents))
  unlist(lapply(seq_along(contents), function(i) {
    box(x + (i - 1) * (each + gap), y, each, height, contents[[i]], fills[[i]])
  }))
}

draw_layers <- function() {
  picture(
    880, 820, "The three layers, and the rooms of each",
    frame(20, 10, 840, 116, "R/: policy. It knows of no descriptor and no process."),
    row_of_boxes(35, 40, 810, 70, 12, list(
      c("api-*", "what is exported"), c("plan-*", "arguments, checked,", "as a plan"),
      c("run-*", "carries", "a plan out"), c("say-*", "conditions,", "messages, progress")
    )),
    arrow(c(440, 440), c(126, 160), ".Call(): exports, no random numbers", side = "beside"),
    frame(20, 160, 840, 190, "src/: R's API in C++. It knows of no policy."),
    box(35, 190, 810, 44,
        c("exports: what R calls", "call.cpp, emit.cpp, items.cpp, random.cpp, session.cpp, ...")),
    row_of_boxes(35, 246, 810, 90, 12, list(
      c("call/", "one call: settings,", "runner, delivery"),
      c("worker/", "what a forked", "R does"),
      c("codec/", "R values", "as bytes"),
      c("memory/", "vectors on", "mapped pages"),
      c("r/", "jumps, exceptions,", "protection")
    ), c("parent", "worker", "plain", "plain", "plain")),
    arrow(c(440, 440), c(350, 384), "includes: C++17 headers", side = "beside"),
    frame(20, 384, 840, 426, "inst/include/lomp/: the core. It knows of no R."),
    box(35, 414, 640, 52, c("api/", "the face for other programs: a pool of forked workers"), "parent"),
    box(35, 474, 640, 52,
        c("pool/", "forks, hears and ends workers; what follows a death"), "parent"),
    box(35, 534, 640, 52, c("worker/", "the child: its seal, its items, its records"), "worker"),
    box(35, 594, 205, 144, c("process/", "children, life lines,", "the reaper,", "what to sever")),
    box(252, 594, 205, 68, c("payload/", "large vectors", "in nameless files")),
    box(252, 670, 205, 68, c("wire/", "frames, records,", "control messages")),
    box(469, 594, 206, 68, c("schedule/", "blocks, in flight,", "worth a fork?")),
    box(469, 670, 206, 68, c("shared/", "slots, staging, inboxes,", "back-pressure")),
    box(35, 746, 640, 52, c("os/", "system calls, descriptors, mappings, pages, the clock")),
    box(690, 474, 155, 92, c("random/", "generators' states", "for items;", "stands apart")),
    note(690, 580, 155, 106,
         c("A room may include", "what is below it in", "this picture, and", "nothing beside it.")),
    box(690, 700, 155, 44, c("runs in the parent"), "parent", bold = 0),
    box(690, 752, 155, 46, c("runs in a worker"), "worker", bold = 0)
  )
}

# ---- Life of a call -----------------------------------------------------------------------------

draw_call <- function() {
  r <- 110
  call <- 330
  pool <- 550
  worker <- 765
  end <- 880
  picture(
    880, 890, "The life of a call",
    lane(r, 10, end, c("R/", "api-map, run-map, run-call"), "parent", 200),
    lane(call, 10, end, c("Call", "runner and Delivery"), "parent", 180),
    lane(pool, 10, end, c("Pool", "the core's parent side"), "parent", 180),
    lane(worker, 10, end, c("workers", "each a forked copy"), "worker", 200),
    note(10, 66, 200, 56,
         c("arguments become a plan;", "a bad one is an error here,", "before any fork")),
    arrow(c(r, call), c(150, 150), "call_open(settings)"),
    arrow(c(call, pool), c(176, 176), "maps the shared page"),
    arrow(c(r, call), c(212, 212), "call_run()"),
    arrow(c(call, pool), c(238, 238), "next(), again and again"),
    box(460, 256, 180, 60, c("one more worker?", "ForkPolicy: is it", "worth its fork?"), "parent"),
    arrow(c(640, worker), c(286, 286), "fork()"),
    box(665, 304, 200, 60,
        c("seal", "seal_process(), seal_r():", "off the parent's world"), "worker"),
    box(665, 380, 200, 78,
        c("claims or steals a block", "of items, and runs each", "below R_ToplevelExec",
          "and one R handler"),
        "worker"),
    box(665, 474, 200, 60,
        c("commits each result", "to its staging buffer,", "in shared memory"), "worker"),
    arrow(c(865, 874, 874, 865), c(504, 504, 419, 419)),
    arrow(c(worker, pool), c(586, 586), c("frames over the pipe, or", "taken from the staging")),
    arrow(c(pool, call), c(610, 610), "records"),
    box(240, 622, 180, 60,
        c("reads R values,", "puts each in its place,", "or lines it up"), "parent", 0),
    arrow(c(call, r), c(734, 734), c("what isn't a result:", "on_event()")),
    note(10, 746, 200, 56,
         c("signals conditions again,", "prints output, notes", "failures and losses")),
    arrow(c(worker, pool), c(680, 680), "no item is left: bye"),
    note(645, 692, 230, 40, c("ends, which takes its time: the", "Reaper's thread waits for that")),
    arrow(c(pool, call), c(780, 780), "finished"),
    arrow(c(call, r), c(826, 826), "the end"),
    note(10, 838, 200, 40, c("conclude(): the list,", "or an error with it")),
    note(345, 820, 525, 58, c(
      "However the call is left before: what was finished is in lomp_last(),",
      "and call_close() ends every worker. With .workers = 0 the LocalRunner",
      "is in the place of Pool and workers: R runs the next item itself."
    ))
  )
}

# ---- Life of an item ----------------------------------------------------------------------------

draw_item <- function() {
  left <- c(14, 138, 262, 386, 510, 634, 758)
  wide <- 108
  states <- list(
    c("unclaimed", "behind the", "counter of the", "shared page"),
    c("claimed", "but not yet", "written down", "in the slot"),
    c("in a block", "in the word", "slot.block,", "not begun"),
    c("in hand", "slot.running;", "nothing of it", "has come"),
    c("in hand", "slot.running;", "some records", "have come"),
    c("finished", "committed to", "the staging", "buffer"),
    c("finished", "its frame is", "in the pipe", "or was read")
  )
  deaths <- list(
    c("claimed by", "another", "worker"),
    c("found as a", "gap when the", "others have", "left; run"),
    c("stolen, or", "taken over by", "the next in", "this slot"),
    c("lost: crash", "or timeout;", "not run", "again"),
    c("those are", "kept; the", "item is lost"),
    c("kept: the", "parent takes", "it from", "there"),
    c("kept: the", "pipe is read", "to its end", "first")
  )
  fills <- c("kept", "kept", "kept", "lost", "lost", "kept", "kept")
  middle <- left + wide / 2
  boxes <- Map(function(x, lines, fill) box(x, 60, wide, 84, lines, fill), left, states,
               c("shared", "worker", "shared", "worker", "worker", "shared", "plain"))
  after <- Map(function(x, lines, fill) box(x, 230, wide, 84, lines, fill, 0), left, deaths, fills)
  downs <- lapply(middle, function(x) arrow(c(x, x), c(144, 230), is_dashed = TRUE))
  steps <- lapply(1:6, function(i) arrow(c(left[[i]] + wide, left[[i + 1]]), c(102, 102)))
  picture(
    880, 442, "The life of an item, and what follows a worker's death in each state",
    words(14, 24, "The states of a numbered item, which shared memory tells", "start", 1),
    unlist(boxes), unlist(steps), unlist(downs), unlist(after),
    arrow(c(440, 440, 688, 688), c(60, 46, 46, 60)),
    rectangle(14, 174, 852, 26, "#ffffff", "none"),
    words(440, 187, "a worker dies", bold = 1),
    note(14, 330, 852, 100, c(
      "Green: nothing is lost. Red: the item is. Two exceptions, both in judge(), and only where",
      "nothing of the item in hand has come: it is run again if an earlier one's record couldn't",
      "be read here, and, once, if its worker was ended for a damaged pipe. A finished item whose",
      "record was damaged on its way is lost. A produced item that isn't begun is in its worker's",
      "inbox instead of a block, and is given again to another worker."
    ))
  )
}

# ---- Life of a large result ---------------------------------------------------------------------

draw_payload <- function() {
  worker <- 130
  file <- 400
  parent <- 750
  end <- 728
  crossing <- function(y, label, to_parent = TRUE) {
    x <- if (to_parent) c(worker, parent) else c(parent, worker)
    c(arrow(x, c(y, y)), words((file + parent) / 2, y - 12, label))
  }
  picture(
    880, 738, "The life of a large result",
    lane(worker, 10, end, c("worker", "codec/, payload/"), "worker", 220),
    lane(file, 10, end, c("nameless file", "a header's page, then elements"), "shared", 220),
    lane(parent, 10, end, c("parent", "codec/, memory/"), "parent", 220),
    box(20, 66, 220, 60,
        c("a vector of 128 KB or more", "in a result, and a credit", "for one more descriptor"),
        "worker"),
    arrow(c(240, file), c(104, 104), "write(), seals"),
    crossing(166, "control socket: its descriptor, a number"),
    crossing(204, "pipe: the record, which names the number"),
    box(640, 222, 220, 60,
        c("take_payload(number)", "descriptors come in order;", "the credit goes back"), "parent"),
    box(640, 300, 220, 78,
        c("an ordinary vector", "R's header in the first page,", "a copy; then the file's pages,",
          "which come when touched"),
        "parent"),
    arrow(c(640, file), c(339, 339), "maps it privately, closes it"),
    box(640, 396, 220, 60,
        c("ballast", "a raw vector never touched", "tells R's collector the size"), "parent"),
    box(640, 474, 220, 60,
        c("R frees the vector", "unmaps it; notes its origin,", "unless a fork has copied it"),
        "parent"),
    crossing(580, "control socket: the number, with return_flag", FALSE),
    box(20, 598, 220, 60,
        c("the file is free", "a next vector of about", "that size takes it"), "worker"),
    arrow(c(240, file), c(628, 628), "stores into it"),
    note(14, 232, 240, 122, c(
      "Without a credit or a file", "the elements go through the",
      "pipe; without room for one", "mapping more the parent", "copies them from the file:",
      "slower, the same result."
    )),
    note(14, 400, 370, 110, c(
      "When the worker dies, the descriptors that it has",
      "sent are still in the socket, and a file lasts as long",
      "as its mapping: both outlive it. Files come back only",
      "where results are let go of one by one: the results",
      "of lomp_iterate(), not the list of lomp_map()."
    )),
    note(430, 640, 430, 74, c(
      "Items of a producer go the other way, from the parent",
      "to a worker, by the same code; the worker tells with its",
      "next request which of their files are free again."
    ))
  )
}

# ---- Life of a death ----------------------------------------------------------------------------

death_step <- function(y, height, lines) box(320, y, 250, height, lines, "parent")

down <- function(from, to) arrow(c(445, 445), c(from, to))

phase <- function(y, name) {
  line <- arrow(c(14, 866), c(y - 16, y - 16), is_dashed = TRUE, has_head = FALSE)
  c(if (y > 100) line, words(14, y, name, "start", 1))
}

draw_end_of_process <- function() {
  c(
    phase(40, "Phase::alive"),
    row_of_boxes(120, 14, 746, 60, 12, list(
      c("its pidfd is readable", "or, without one, waitid()", "says so: has_ended"),
      c("its pipe ends or is damaged", "lose_pipe(): dying? else it is", "ended here: given_up"),
      c("its item's time is over", "a timer's signal; kill_late()", "where that has no effect")
    ), "worker"),
    arrow(c(241, 241, 445, 445), c(74, 92, 92, 110), has_head = FALSE),
    arrow(c(745, 745, 445, 445), c(74, 92, 92, 110), has_head = FALSE),
    down(74, 110),
    death_step(110, 60,
               c("reads all that is in the pipe", "then see_off(): dead, or out",
                 "of time and without headway")),
    down(170, 196),
    death_step(196, 60, c("reap()", "ends its group, decides", "on a timeout, waitpid()")),
    arrow(c(570, 620), c(226, 226)),
    note(620, 196, 246, 60,
         c("it can't be reaped: the system or", "a debugger holds it. The Reaper",
           "gets it; the call goes on.")),
    phase(286, "Phase::reaped"),
    down(256, 300),
    death_step(300, 60,
               c("take_staged()", "what it had committed and", "not sent is taken as records"))
  )
}

draw_verdict <- function() {
  c(
    phase(390, "Phase::drained"),
    down(360, 404),
    death_step(404, 44, c("report_loss()", "counts the death")),
    arrow(c(570, 620), c(426, 426)),
    note(620, 394, 246, 78,
         c("the second one in a row before", "any item was begun, no worker",
           "at work, something left to do:", "the call ends (\"exhausted\")")),
    down(448, 484),
    death_step(484, 78,
               c("judge(facts)", "in hand? records of it? one", "unreadable? given up here?",
                 "spared before?")),
    arrow(c(320, 250), c(523, 523)),
    note(14, 484, 236, 78,
         c("a pure function of six facts,", "with its table, in recovery.hpp:",
           "which item is lost, and which", "one is run again")),
    down(562, 590),
    death_step(590, 60,
               c("carry_out(verdict)", "settles the lost item, unless", "it was over already")),
    arrow(c(570, 620), c(606, 606)),
    note(620, 584, 246, 24, "lost: an event for R, lomp_crash", fill = "lost"),
    arrow(c(570, 620), c(634, 634)),
    note(620, 618, 246, 42,
         c("again: put back at the front of", "its block, for any worker"), fill = "kept"),
    phase(680, "Phase::told"),
    down(650, 694),
    death_step(694, 60,
               c("report_begun()", "items that had sent records", "and not their last are lost")),
    down(754, 782),
    death_step(782, 60,
               c("the place is free", "its block stays in the slot; its",
                 "produced items are given again")),
    note(14, 782, 270, 60,
         c("A new worker takes the place, if", "one is worth its fork, and begins",
           "with the block that it finds there."))
  )
}

draw_death <- function() {
  title <- "The life of a death: from its first sign to the verdict"
  picture(880, 860, title, draw_end_of_process(), draw_verdict())
}

# ---- Back-pressure and order --------------------------------------------------------------------

# One worker's line: its item and what it does.
worker_line <- function(x, y, item, does, fill) {
  c(box(x, y, 84, 30, item, fill, 0), words(x + 94, y + 15, does, "start"))
}

draw_bound <- function() {
  c(
    words(14, 22, "The bound: one worker's account, in bytes", "start", 1),
    box(30, 66, 300, 44, c("records that the caller has taken", "released"), "shared", 0),
    box(330, 66, 230, 44, c("made, not yet taken", "sent - released"), "worker", 0),
    rectangle(560, 66, 180, 44, colours$plain),
    words(608, 88, c("the next", "record")),
    arrow(c(660, 660), c(44, 132), is_dashed = TRUE, has_head = FALSE),
    words(660, 36, "released + bound"),
    note(14, 138, 852, 58, c(
      "A record may begin while sent - released < bound, whatever its size, so a worker is beyond",
      "the bound by one record at the most. It sleeps then until half of the bound is free. For an",
      "iterator the bound is lomp.buffer, divided by the number of workers; a list has none."
    ))
  )
}

draw_order <- function() {
  panel <- function(x, title) frame(x, 236, 276, 196, title)
  c(
    words(14, 224, "Order: results come by item; the head is the first open one", "start", 1),
    panel(14, "The head is in hand"),
    worker_line(26, 268, "item 5", "goes on", "kept"),
    worker_line(26, 306, "item 6", "is full: waits", "worker"),
    worker_line(26, 344, "item 7", "is full: waits", "worker"),
    words(26, 402, c("For the head its own records", "count alone: head_released."), "start"),
    panel(302, "Its worker has died"),
    worker_line(314, 268, "item 5", "in a block, or nowhere", "lost"),
    worker_line(314, 306, "item 6", "waits for item 5", "worker"),
    worker_line(314, 344, "item 7", "waits for item 5", "worker"),
    words(314, 402, c("In a block: a new worker is", "forked for it at once."), "start"),
    panel(590, "The bound is lifted"),
    worker_line(602, 268, "item 5", "nowhere for 50 ms", "lost"),
    worker_line(602, 306, "item 6", "goes on", "kept"),
    worker_line(602, 344, "item 7", "goes on", "kept"),
    words(602, 402,
          c("Or no worker can be forked. Until", "the head is in hand: is_open."), "start")
  )
}

draw_backlog <- function() {
  c(
    words(14, 470, "What a list's items say (output, conditions) comes by item, too", "start", 1),
    box(14, 490, 170, 60, c("a record of item 7", "when item 5 is open"), "worker", 0),
    arrow(c(184, 270), c(520, 520), "hold()"),
    box(270, 484, 250, 72,
        c("Backlog", "in memory up to lomp.buffer,", "then in a file on disk"), "parent"),
    arrow(c(520, 650), c(520, 520), "take_held()"),
    box(650, 490, 216, 60, c("on_event() in R", "when all items before are over"), "parent"),
    note(14, 572, 852, 40, c(
      "No worker waits with it. Where a user watches, at a terminal, nothing is held, and what is",
      "urgent (an immediateCondition, such as progress) never is. See the option lomp.output."
    ))
  )
}

draw_flow <- function() {
  picture(880, 624, "Back-pressure and order", draw_bound(), draw_order(), draw_backlog())
}

# ---- A call on machines -------------------------------------------------------------------------

draw_machine <- function(y, name, items) {
  c(
    frame(500, y, 366, 112, name),
    box(514, y + 30, 150, 68, c("a daemon", "a call of its own,", "which goes on"), "parent"),
    row_of_boxes(714, y + 30, 138, 68, 10, list(c("worker", items[[1]]), c("worker", items[[2]])),
                 "worker"),
    arrow(c(664, 714), c(y + 54, y + 54)),
    arrow(c(714, 664), c(y + 76, y + 76))
  )
}

draw_steps <- function() {
  c(
    arrow(c(224, 276), c(90, 90)),
    arrow(c(276, 224), c(118, 118)),
    arrow(c(426, 466, 466, 514), c(84, 84, 64, 64)),
    arrow(c(514, 480, 480, 426), c(86, 86, 104, 104)),
    arrow(c(426, 466, 466, 514), c(124, 124, 194, 194)),
    arrow(c(514, 446, 446, 426), c(216, 216, 144, 144)),
    note(276, 222, 168, 60,
         c("a task goes to the", "first daemon that has", "none, whichever that is"))
  )
}

draw_machines <- function() {
  picture(
    880, 400, "A call on machines: a step and its answer",
    frame(14, 10, 430, 206, "The session"),
    box(26, 44, 198, 108, c("run-machines.R", "as many steps out as there", "are daemons; who has",
                            "which item"), "parent"),
    box(26, 160, 198, 46, c("MachinesRunner", "rows become results"), "parent"),
    box(276, 64, 150, 88, c("mirai", "its dispatcher,", "connections,", "TLS")),
    draw_machine(10, "A machine", c("item 7", "item 8")),
    draw_machine(140, "Another machine", c("item 4", "item 9")),
    draw_steps(),
    note(14, 296, 420, 94, c(
      "A step: a block of items, what the call needs (by its",
      "hash, or a piece of it), which calls are open.",
      "At most half a second, and then the answer, whatever",
      "has come. The next step is there as soon."
    )),
    note(446, 296, 420, 94, c(
      "Its answer: which machine it is; a row for each value,",
      "failure, condition and output since its last one; how",
      "many items it has left. Its workers go on meanwhile.",
      "One that doesn't answer in time is taken for lost."
    ))
  )
}

# ---- The program --------------------------------------------------------------------------------

drawings <- list(
  layers = draw_layers, call = draw_call, item = draw_item, payload = draw_payload,
  death = draw_death, flow = draw_flow, machines = draw_machines
)

arguments <- commandArgs(TRUE)
folder <- if (length(arguments) > 0) arguments[[1]] else "vignettes"
for (name in names(drawings)) {
  writeLines(drawings[[name]](), file.path(folder, paste0(name, ".svg")))
}
