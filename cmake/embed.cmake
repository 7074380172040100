# Writes a file as C++, for a program to carry it:
#
#   cmake -D FILE=network.pt -D OUT=network.inc -P cmake/embed.cmake
#
# OUT defines `bytes`, a string, and `length`, how many of its characters are the file's. A string,
# as compilers take a minute over an array of ten million numbers.
file(SIZE ${FILE} length)
file(READ ${FILE} hex HEX)
math(EXPR missing "(8 - ${length} % 8) % 8")
string(REPEAT "00" ${missing} zeros)
# eight bytes at a time, as every match costs
string(REGEX REPLACE "(..)(..)(..)(..)(..)(..)(..)(..)"
       "\\\\x\\1\\\\x\\2\\\\x\\3\\\\x\\4\\\\x\\5\\\\x\\6\\\\x\\7\\\\x\\8" bytes "${hex}${zeros}")
file(WRITE ${OUT} "constexpr std::size_t length = ${length};
alignas(64) constexpr char bytes[] = \"${bytes}\";
")
