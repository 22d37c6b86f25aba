// Writes a checkpoint that no call of lomp's would: the header of another one, and one result of
// any kind with bytes of any file. forge FROM TO KIND BYTES ITEM
#include <fcntl.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "lomp/checkpoint/checkpoint_reader.hpp"
#include "lomp/checkpoint/checkpoint_writer.hpp"

int main(int, char** arguments) {
  lomp::CheckpointReader reader;
  if (reader.open(lomp::Fd(::open(arguments[1], O_RDONLY)))) return 1;
  lomp::CheckpointWriter writer;
  const lomp::FileHeader& header = reader.header();
  if (writer.create(arguments[2], header.call, header.items, reader.extra())) return 2;
  std::ifstream in(arguments[4], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
  lomp::NewEntry entry;
  entry.kind = static_cast<unsigned>(std::atoi(arguments[3]));
  entry.item = static_cast<std::uint64_t>(std::atoll(arguments[5]));
  writer.put(entry, bytes.data(), bytes.size());
  writer.close();
  return writer.error() == 0 ? 0 : 3;
}
