// Counts the words of files in forked workers: a pool in a program that knows no R.
//
//   lomp=$(Rscript -e 'cat(system.file("include", package = "lomp"))')
//   g++ -std=c++17 -I "$lomp" word_counts.cpp -pthread -o word_counts
//   ./word_counts *.txt
//
// Prints a line for each file, in the order of the arguments. A file that can't be read, or whose
// worker crashes, has a line that says why, and the program's exit code is 1.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <lomp.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// Runs in a worker. What it throws is the file's result.
std::string count_words(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("can't be opened");
  using Words = std::istream_iterator<std::string>;
  return std::to_string(std::distance(Words(in), Words()));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> files(argv + std::min(argc, 1), argv + argc);
  lomp::ForkPoolOptions options;
  options.timeout = std::chrono::minutes(1);
  lomp::ForkPool pool(
      files.size(), [&](std::uint64_t item) { return count_words(files[item]); }, options);
  bool is_well = true;
  for (lomp::ItemResult result; pool.next(result); is_well = is_well && result.is_value()) {
    std::cout << files[result.item] << ": " << (result.is_value() ? result.value : result.problem)
              << '\n';
  }
  return is_well ? 0 : 1;
}
