// The exports behind `.checkpoint` and lomp_read(): a file is made or gone on with, and read.
#include "call/checkpoint.h"

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "call/checkpoint_results.h"
#include "r/protected.h"
#include "r/unwind.h"

namespace lomp {

SEXP read_plain(const Record& record, PayloadSource& source);
void put_plain(RecordSink& sink, SEXP value);

namespace {

const char* word_of(CheckpointProblem::Kind kind) {
  switch (kind) {
    case CheckpointProblem::Kind::none:
      return "none";
    case CheckpointProblem::Kind::system:
      return "system";
    case CheckpointProblem::Kind::exists:
      return "exists";
    case CheckpointProblem::Kind::locked:
      return "locked";
    case CheckpointProblem::Kind::foreign:
      return "foreign";
    case CheckpointProblem::Kind::version:
      return "version";
    case CheckpointProblem::Kind::cut:
      return "cut";
    case CheckpointProblem::Kind::other:
      return "other";
  }
  return "";
}

// list(problem = , error = ): why, in a word, and errno.
SEXP make_problem(const CheckpointProblem& problem) {
  return unwind([&problem] {
    const char* names[] = {"problem", "error", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_mkString(word_of(problem.kind())));
    SET_VECTOR_ELT(list, 1, Rf_ScalarInteger(problem.error()));
    UNPROTECT(1);
    return list;
  });
}

// In this system's own encoding, as it opens files. May jump.
const char* path_of(SEXP path) { return Rf_translateChar(STRING_ELT(path, 0)); }

std::string path_text(SEXP path) {
  const char* text = nullptr;
  unwind([&] {
    text = path_of(path);
    return R_NilValue;
  });
  return text;
}

std::string id_text(std::uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
  return text;
}

std::uint64_t id_of(SEXP text) { return std::strtoull(CHAR(STRING_ELT(text, 0)), nullptr, 16); }

Checkpoint& checkpoint_at(SEXP handle) { return **checkpoint_in(handle); }

SEXP open_handle(const CheckpointProblem& problem, SEXP handle) {
  return problem ? make_problem(problem) : handle;
}

}  // namespace

}  // namespace lomp

// Makes a new file for a call of this kind with so many items; `header` is a list of vectors. It
// has no name before checkpoint_publish(). A handle, or list(problem = , error = ).
// [[Rcpp::export(rng = false)]]
SEXP checkpoint_create(SEXP path, int call, double items, SEXP header) {
  const std::string file = lomp::path_text(path);
  std::vector<unsigned char> bytes;
  lomp::BytesSink sink(bytes);
  lomp::unwind([&] {
    lomp::put_plain(sink, header);
    return R_NilValue;
  });
  lomp::Protected handle(lomp::unwind([] { return lomp::make_checkpoint_handle(); }));
  lomp::CheckpointWriter& writer = lomp::checkpoint_at(handle).writer();
  return lomp::open_handle(writer.begin(file.c_str(), static_cast<std::uint32_t>(call),
                                        static_cast<std::uint64_t>(items), bytes),
                           handle);
}

// The new file gets its name, with what was added until now. The handle, or
// list(problem = , error = ).
// [[Rcpp::export(rng = false)]]
SEXP checkpoint_publish(SEXP handle) {
  return lomp::open_handle(lomp::checkpoint_at(handle).writer().publish(), handle);
}

// Goes on with the file that was read as one of this id, up to that byte.
// [[Rcpp::export(rng = false)]]
SEXP checkpoint_resume(SEXP path, SEXP id, double end) {
  const std::string file = lomp::path_text(path);
  lomp::Protected handle(lomp::unwind([] { return lomp::make_checkpoint_handle(); }));
  lomp::CheckpointWriter& writer = lomp::checkpoint_at(handle).writer();
  return lomp::open_handle(
      writer.resume(file.c_str(), lomp::id_of(id), static_cast<std::uint64_t>(end)), handle);
}

// By what checkpoint_load() tells the file.
// [[Rcpp::export(rng = false)]]
SEXP checkpoint_id(SEXP handle) {
  const std::uint64_t id = lomp::checkpoint_at(handle).writer().id();
  return lomp::unwind([id] { return Rf_mkString(lomp::id_text(id).c_str()); });
}

// Appends results that were there before the call: those of these items (from 1) in the list. If
// they are many of each item, an element is a list of them, all of which were delivered.
// [[Rcpp::export(rng = false)]]
void checkpoint_add(SEXP handle, SEXP items, SEXP results, bool are_lists, bool drawn) {
  lomp::Checkpoint& checkpoint = lomp::checkpoint_at(handle);
  checkpoint.note_drawn(drawn);
  lomp::unwind([&] {
    for (R_xlen_t i = 0; i < XLENGTH(items); ++i) {
      const std::uint64_t item = static_cast<std::uint64_t>(REAL(items)[i]) - 1;
      SEXP result = VECTOR_ELT(results, static_cast<R_xlen_t>(item));
      if (!are_lists) {
        checkpoint.keep_value(item, false, result);
        continue;
      }
      for (R_xlen_t k = 0; k < XLENGTH(result); ++k) {
        checkpoint.keep_value(item, true, VECTOR_ELT(result, k));
      }
      checkpoint.note_end(item);
    }
    return R_NilValue;
  });
  checkpoint.settle();
}

// Closes the file, and gives errno of what has ended it before its time, or 0. With `is_delivered`
// the call's caller has got all that it has taken. May be called again.
// [[Rcpp::export(rng = false)]]
int checkpoint_close(SEXP handle, bool is_delivered) {
  lomp::Checkpoint& checkpoint = lomp::checkpoint_at(handle);
  if (is_delivered) checkpoint.settle();
  return checkpoint.close();
}

// A file's content, as list(header = , call = , items = , id = , end = , drawn = , damaged = ,
// results = , missing = ); or list(problem = , error = ). The call's number and its items; by what
// checkpoint_resume() knows the file; whether an item had drawn random numbers; how many bytes in
// the middle can't be read; the results, and the positions of items that have none.
// [[Rcpp::export(rng = false)]]
SEXP checkpoint_load(SEXP path) {
  const std::string file = lomp::path_text(path);
  lomp::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return lomp::make_problem(lomp::CheckpointProblem::of_system());
  lomp::CheckpointReader reader;
  if (lomp::CheckpointProblem problem = reader.open(std::move(fd))) {
    return lomp::make_problem(problem);
  }
  lomp::CheckpointResults results(reader);
  return lomp::unwind([&] {
    const char* names[] = {"header", "call",    "items",   "id",      "end",
                           "drawn",  "damaged", "results", "missing", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, results.header());
    const lomp::FileHeader& header = reader.header();
    SET_VECTOR_ELT(list, 1, Rf_ScalarInteger(static_cast<int>(header.call)));
    SET_VECTOR_ELT(list, 2, Rf_ScalarReal(static_cast<double>(header.items)));
    SET_VECTOR_ELT(list, 3, Rf_mkString(lomp::id_text(header.id).c_str()));
    SET_VECTOR_ELT(list, 7, results.read(VECTOR_ELT(list, 0)));
    SET_VECTOR_ELT(list, 8, results.missing());
    SET_VECTOR_ELT(list, 4, Rf_ScalarReal(static_cast<double>(reader.end())));
    SET_VECTOR_ELT(list, 5, Rf_ScalarLogical(results.has_drawn()));
    SET_VECTOR_ELT(list, 6, Rf_ScalarReal(static_cast<double>(reader.damaged())));
    UNPROTECT(1);
    return list;
  });
}

// A number for the strings of a vector, as text. What is bytes to R has no other encoding.
// [[Rcpp::export(rng = false)]]
SEXP strings_hash(SEXP strings) {
  return lomp::unwind([strings] {
    lomp::Checksum sum;
    for (R_xlen_t i = 0; i < XLENGTH(strings); ++i) {
      SEXP string = STRING_ELT(strings, i);
      const bool is_na = string == NA_STRING, is_bytes = Rf_getCharCE(string) == CE_BYTES;
      const char* text = is_na || is_bytes ? CHAR(string) : Rf_translateCharUTF8(string);
      const std::uint64_t size = is_na ? UINT64_MAX : std::strlen(text);
      sum.add(&size, sizeof size).add(text, is_na ? 0 : static_cast<std::size_t>(size));
    }
    return Rf_mkString(lomp::id_text(sum.sum()).c_str());
  });
}
