// Rows of staged records: taken apart again by the parent.
#include <benchmark/benchmark.h>

#include "lomp/wire/record.hpp"

namespace {

// A full staging buffer of records of that size.
void parse(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const lomp::RecordHeader header = lomp::make_record_header(1, {2}, size);
  std::vector<unsigned char> row((std::size_t{128} << 10) / (sizeof header + size) *
                                 (sizeof header + size));
  for (std::size_t at = 0; at < row.size(); at += sizeof header + size) {
    std::memcpy(row.data() + at, &header, sizeof header);
  }
  std::vector<lomp::Record> records;
  for (auto _ : state) {
    records.clear();
    benchmark::DoNotOptimize(lomp::parse_records(row.data(), row.size(), 0, records));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records.size()));
}
BENCHMARK(parse)->Arg(0)->Arg(16)->Arg(1000)->Arg(100000);

}  // namespace
