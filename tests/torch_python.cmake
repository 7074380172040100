# `python`: Debian's, whose packages cmake/setup.sh installs (python3-torch and others), or
# PERSENSE_TORCH_PYTHON.
set(python /usr/bin/python3)
if(DEFINED ENV{PERSENSE_TORCH_PYTHON})
  set(python $ENV{PERSENSE_TORCH_PYTHON})
endif()
