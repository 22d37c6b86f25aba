// Vectors whose elements an R function makes when somebody asks for them, for dyn.load() and .Call():
// to send one runs that function, which may fail, or leave in any other way, half-way.
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Rdynload.h>
#include <R_ext/Altrep.h>

static R_altrep_class_t strings, integers;

static R_xlen_t length_of(SEXP x) { return (R_xlen_t)Rf_asReal(R_altrep_data2(x)); }

static SEXP ask(SEXP x, R_xlen_t i) {
  SEXP place = PROTECT(Rf_ScalarReal((double)i + 1));
  SEXP call = PROTECT(Rf_lang2(R_altrep_data1(x), place));
  SEXP value = Rf_eval(call, R_GlobalEnv);
  UNPROTECT(2);
  return value;
}

static SEXP string_at(SEXP x, R_xlen_t i) { return STRING_ELT(ask(x, i), 0); }

static int integer_at(SEXP x, R_xlen_t i) { return Rf_asInteger(ask(x, i)); }

// R may not ask for the elements as they lie in memory but by this.
static void* data_of(SEXP x, Rboolean is_writable) {
  SEXP value = ask(x, 0);
  Rf_error("the function gave %d instead of leaving", Rf_asInteger(value));
}

static const void* no_data(SEXP x) { return NULL; }

void lazy_prepare(void) {
  strings = R_make_altstring_class("lazy_strings", "lazy", NULL);
  R_set_altrep_Length_method(strings, length_of);
  R_set_altstring_Elt_method(strings, string_at);
  R_set_altvec_Dataptr_or_null_method(strings, no_data);
  integers = R_make_altinteger_class("lazy_integers", "lazy", NULL);
  R_set_altrep_Length_method(integers, length_of);
  R_set_altinteger_Elt_method(integers, integer_at);
  R_set_altvec_Dataptr_method(integers, data_of);
  R_set_altvec_Dataptr_or_null_method(integers, no_data);
}

SEXP lazy_strings(SEXP f, SEXP length) { return R_new_altrep(strings, f, length); }

SEXP lazy_integers(SEXP f, SEXP length) { return R_new_altrep(integers, f, length); }
