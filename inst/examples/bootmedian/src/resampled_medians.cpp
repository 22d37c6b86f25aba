// A pool of forked workers in a package with R.
#include <Rcpp.h>

#include <algorithm>
#include <cstring>
#include <lomp.hpp>
#include <random>
#include <string>
#include <vector>

namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// Runs in a worker: it reads R's vector by its address, and calls nothing of R's. Each item seeds a
// generator of its own, since all workers would have the same one of the session's.
std::string median_of_resample(const double* x, std::size_t n, std::uint64_t seed,
                               std::uint64_t item) {
  std::seed_seq seeds{seed, item};
  std::mt19937_64 generator(seeds);
  std::uniform_int_distribution<std::size_t> draw(0, n - 1);
  std::vector<double> values(n);
  for (double& value : values) value = x[draw(generator)];
  const double result = median(values);
  return std::string(reinterpret_cast<const char*>(&result), sizeof result);
}

}  // namespace

// What R allocates is there before the pool: an error of R's own would jump over the destructor
// that ends the workers. What Rcpp throws doesn't.
// [[Rcpp::export(rng = false)]]
Rcpp::NumericVector resampled_medians(Rcpp::NumericVector x, double resamples, double seed,
                                      int workers) {
  Rcpp::NumericVector medians(static_cast<R_xlen_t>(resamples));
  const double* const values = x.begin();
  const std::size_t n = static_cast<std::size_t>(x.size());
  lomp::ForkPoolOptions options;
  options.workers = workers;
  options.while_waiting = [] { Rcpp::checkUserInterrupt(); };
  const auto function = [=](std::uint64_t item) {
    return median_of_resample(values, n, static_cast<std::uint64_t>(seed), item);
  };
  lomp::ForkPool pool(static_cast<std::uint64_t>(resamples), function, options);
  for (lomp::ItemResult result; pool.next(result);) {
    if (!result.is_value()) Rcpp::stop("resample %d: %s", result.item + 1, result.problem);
    std::memcpy(&medians[static_cast<R_xlen_t>(result.item)], result.value.data(), sizeof(double));
  }
  return medians;
}
