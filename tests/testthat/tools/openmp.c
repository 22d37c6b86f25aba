// Sums with OpenMP, which a forked child can't do after its parent has, unless the parent rests.
#include <omp.h>

// With as many threads as are asked for; 0 leaves it to the library.
void openmp_sum(double* x, int* n, int* threads, double* sum) {
  double total = 0;
  const int count = *threads > 0 ? *threads : omp_get_max_threads();
#pragma omp parallel for reduction(+ : total) num_threads(count)
  for (int i = 0; i < *n; ++i) total += x[i];
  *sum = total;
}

void openmp_threads(int* count) { *count = omp_get_max_threads(); }
