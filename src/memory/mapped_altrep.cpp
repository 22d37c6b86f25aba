// Such a vector's first datum is an external pointer to the elements, which unmaps them in the end;
// its second one is the number of elements. R can do almost everything with the elements' address.
#include "memory/mapped_altrep.h"

#include <R_ext/Altrep.h>

#include "r/elements.h"

namespace lomp {

namespace {

void* address_of(SEXP x) { return R_ExternalPtrAddr(R_altrep_data1(x)); }

// R runs all finalizers of what it finds to be garbage at a time. So one of another package's may
// bring back a vector whose own has been run.
void* elements_of(SEXP x) {
  void* elements = address_of(x);
  if (elements == nullptr) {
    Rf_error("this result is gone: nothing but an object with a finalizer referred to it");
  }
  return elements;
}

R_xlen_t get_length(SEXP x) { return static_cast<R_xlen_t>(REAL_RO(R_altrep_data2(x))[0]); }

// The mapping is private, so what is written to it changes this vector alone.
void* get_data(SEXP x, Rboolean) { return elements_of(x); }

const void* get_data_or_null(SEXP x) { return address_of(x); }

// For .Internal(inspect()), which shows what R doesn't.
Rboolean inspect(SEXP, int, int, int, void (*)(SEXP, int, int, int)) {
  Rprintf(" mapped by lomp\n");
  return TRUE;
}

// What an index gives that names no element, by the type of elements.
double missing_like(double) { return NA_REAL; }
int missing_like(int) { return NA_INTEGER; }
Rbyte missing_like(Rbyte) { return 0; }

R_xlen_t get_region(SEXP x, R_xlen_t begin, R_xlen_t n, int* to) {
  return INTEGER_GET_REGION(x, begin, n, to);
}

R_xlen_t get_region(SEXP x, R_xlen_t begin, R_xlen_t n, double* to) {
  return REAL_GET_REGION(x, begin, n, to);
}

// An index may be a long sequence that isn't in memory, and mustn't get there.
template <class Index, class T>
void copy_chosen(SEXP x, SEXP index, T* to) {
  constexpr R_xlen_t at_once = 512;
  const T* from = static_cast<const T*>(elements_of(x));
  const R_xlen_t n = get_length(x);
  Index part[at_once];
  R_xlen_t taken;
  for (R_xlen_t at = 0; (taken = get_region(index, at, at_once, part)) > 0; at += taken) {
    for (R_xlen_t i = 0; i < taken; ++i, ++to) {
      const bool is_there = part[i] >= 1 && part[i] <= n;
      *to = is_there ? from[static_cast<R_xlen_t>(part[i]) - 1] : missing_like(T());
    }
  }
}

// R's own way, an Elt call for each one, took 4.6 times as long as for an ordinary vector; this one
// takes as long.
template <class T>
SEXP get_subset(SEXP x, SEXP index, SEXP) {
  if (TYPEOF(index) != INTSXP && TYPEOF(index) != REALSXP) return nullptr;
  SEXP chosen = PROTECT(Rf_allocVector(TYPEOF(x), XLENGTH(index)));
  T* to = static_cast<T*>(writable_elements(chosen));
  if (TYPEOF(index) == INTSXP) {
    copy_chosen<int>(x, index, to);
  } else {
    copy_chosen<double>(x, index, to);
  }
  UNPROTECT(1);
  return chosen;
}

// R chooses elements of complex vectors by itself.
R_altvec_Extract_subset_method_t subset_method(SEXPTYPE type) {
  switch (type) {
    case LGLSXP:
    case INTSXP:
      return get_subset<int>;
    case REALSXP:
      return get_subset<double>;
    case RAWSXP:
      return get_subset<Rbyte>;
    default:
      return nullptr;
  }
}

constexpr int types = 5;
constexpr SEXPTYPE type_at[types] = {LGLSXP, INTSXP, REALSXP, CPLXSXP, RAWSXP};

R_altrep_class_t make_bare_class(SEXPTYPE type) {
  switch (type) {
    case LGLSXP:
      return R_make_altlogical_class("mapped_logical", "lomp", nullptr);
    case INTSXP:
      return R_make_altinteger_class("mapped_integer", "lomp", nullptr);
    case REALSXP:
      return R_make_altreal_class("mapped_real", "lomp", nullptr);
    case CPLXSXP:
      return R_make_altcomplex_class("mapped_complex", "lomp", nullptr);
    default:
      return R_make_altraw_class("mapped_raw", "lomp", nullptr);
  }
}

R_altrep_class_t make_class(SEXPTYPE type) {
  R_altrep_class_t made = make_bare_class(type);
  R_set_altrep_Length_method(made, get_length);
  R_set_altrep_Inspect_method(made, inspect);
  R_set_altvec_Dataptr_method(made, get_data);
  R_set_altvec_Dataptr_or_null_method(made, get_data_or_null);
  if (const auto choose = subset_method(type)) R_set_altvec_Extract_subset_method(made, choose);
  return made;
}

// One for each type. They aren't a static variable's initial value: a jump out of make_class(), for
// want of memory, would leave that locked for ever.
R_altrep_class_t classes[types];
int classes_made = 0;

void make_classes() {
  for (; classes_made < types; ++classes_made)
    classes[classes_made] = make_class(type_at[classes_made]);
}

R_altrep_class_t class_of(SEXPTYPE type) {
  int i = 0;
  while (type_at[i] != type) ++i;
  return classes[i];
}

void unmap(SEXP owner) {
  void* elements = R_ExternalPtrAddr(owner);
  R_ClearExternalPtr(owner);
  if (elements != nullptr) unmap_pages(elements);
}

SEXP new_owner() {
  SEXP owner = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
  R_RegisterCFinalizer(owner, unmap);
  UNPROTECT(1);
  return owner;
}

}  // namespace

void prepare_mapped_altrep() { make_classes(); }

// Whatever jumps here leaves the mapping to its owner.
SEXP make_mapped_altrep(SEXPTYPE type, int fd, const PayloadPages& pages) {
  const double n = static_cast<double>(pages.bytes / element_size(type));
  make_classes();
  SEXP owner = PROTECT(new_owner()), length = PROTECT(Rf_ScalarReal(n)), x = R_NilValue;
  if (void* elements = map_pages(fd, pages)) {
    R_SetExternalPtrAddr(owner, elements);
    x = R_new_altrep(class_of(type), owner, length);
  }
  UNPROTECT(2);
  return x;
}

bool is_mapped_altrep(SEXP x) {
  if (!ALTREP(x) || element_size(TYPEOF(x)) == 0 || classes_made < types) return false;
  return R_altrep_inherits(x, class_of(TYPEOF(x)));
}

}  // namespace lomp
