// persense/detail/decl.hpp: how functions of the core that are no templates are declared.
//
// With the headers alone (persense::core) they are inline, and each header includes its bodies from
// impl/. Whoever links persense::steps, or a library that does, has them compiled there, once, and
// reads declarations.
#pragma once

#ifdef PERSENSE_SEPARATE_COMPILATION
#define PERSENSE_DECL
#else
#define PERSENSE_DECL inline
#endif
