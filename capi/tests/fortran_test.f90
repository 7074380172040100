! The C ABI from Fortran, by its standard interoperability with C alone: counts the discs of a picture
! drawn here, and reads an error.
module persense
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int), parameter :: persense_ok = 0, persense_invalid_argument = 1
  integer(c_int32_t), parameter :: persense_gray8 = 2

  type, bind(c) :: persense_pipeline_options
    integer(c_size_t) :: struct_size
    type(c_ptr) :: models
  end type  ! a struct may end early: the rest are the defaults

  type, bind(c) :: persense_image
    type(c_ptr) :: data
    integer(c_int32_t) :: width, height
    integer(c_int64_t) :: stride
    integer(c_int32_t) :: format
  end type

  type, bind(c) :: persense_map
    type(c_ptr) :: data
    integer(c_int32_t) :: width, height
    integer(c_int64_t) :: stride
  end type

  type, bind(c) :: persense_instance
    real(c_float) :: box(4)
    integer(c_int32_t) :: point(2)
    real(c_float) :: score
    integer(c_int32_t) :: id, mask_x, mask_y, mask_width, mask_height
    type(c_ptr) :: mask
    integer(c_int64_t) :: area
  end type

  type, bind(c) :: persense_result_info
    integer(c_int32_t) :: width, height
    integer(c_size_t) :: instance_count
    type(c_ptr) :: instances
    real(c_double) :: estimated_count
    type(persense_map) :: density
  end type  ! the library owns it, so what is not needed at its end may be left out

  interface
    function persense_pipeline_create(options, pipeline) bind(c) result(status)
      import
      type(persense_pipeline_options) :: options
      type(c_ptr) :: pipeline
      integer(c_int) :: status
    end function
    function persense_support_create(pipeline, image, mask, label, support) bind(c) result(status)
      import
      type(c_ptr), value :: pipeline, label
      type(persense_image) :: image, mask
      type(c_ptr) :: support
      integer(c_int) :: status
    end function
    function persense_segment(support, image, options, found) bind(c) result(status)
      import
      type(c_ptr), value :: support, options
      type(persense_image) :: image
      type(c_ptr) :: found
      integer(c_int) :: status
    end function
    function persense_result_get_info(found) bind(c) result(info)
      import
      type(c_ptr), value :: found
      type(c_ptr) :: info
    end function
    function persense_last_error() bind(c) result(text)
      import
      type(c_ptr) :: text
    end function
    subroutine persense_pipeline_free(pipeline) bind(c)
      import
      type(c_ptr), value :: pipeline
    end subroutine
    subroutine persense_support_free(support) bind(c)
      import
      type(c_ptr), value :: support
    end subroutine
    subroutine persense_result_free(found) bind(c)
      import
      type(c_ptr), value :: found
    end subroutine
  end interface
end module

program fortran_test
  use persense
  implicit none
  integer, parameter :: width = 160, height = 120
  integer(c_int8_t), target :: pixels(width, height), inside(width, height)  ! a column is a picture's row
  character(kind=c_char), target :: weight_free(8) = &
    [character(kind=c_char) :: "c", "l", "a", "s", "s", "i", "c", c_null_char]
  type(persense_pipeline_options) :: options
  type(persense_image) :: image, mask
  type(persense_result_info), pointer :: info
  type(persense_instance), pointer :: instances(:)
  integer(c_int8_t), pointer :: bits(:, :)
  character(kind=c_char), pointer :: text(:)
  type(c_ptr) :: pipeline, support, found
  integer :: i, x, y, count

  do y = 1, height
    do x = 1, width
      pixels(x, y) = merge(120_c_int8_t, 30_c_int8_t, on_disc(x, y))
      inside(x, y) = merge(1_c_int8_t, 0_c_int8_t, on_disc(x, y) .and. x <= 40 .and. y <= 40)
    end do
  end do
  image = persense_image(c_loc(pixels), width, height, 0, persense_gray8)
  mask = persense_image(c_loc(inside), width, height, 0, persense_gray8)

  options = persense_pipeline_options(c_sizeof(options), c_loc(weight_free))
  if (persense_pipeline_create(options, pipeline) /= persense_ok) error stop "pipeline"
  if (persense_support_create(pipeline, image, mask, c_null_ptr, support) /= persense_ok) &
    error stop "support"
  if (persense_segment(support, image, c_null_ptr, found) /= persense_ok) error stop "segment"

  call c_f_pointer(persense_result_get_info(found), info)
  call c_f_pointer(info%instances, instances, [info%instance_count])
  if (size(instances) /= 12) error stop "twelve discs expected"
  do i = 1, size(instances)
    associate (one => instances(i))
      call c_f_pointer(one%mask, bits, [one%mask_width, one%mask_height])
      if (one%id /= i .or. sum(int(bits, c_int64_t)) /= one%area) error stop "mask"
      if (.not. on_disc(one%point(1) + 1, one%point(2) + 1)) error stop "point"
    end associate
  end do

  count = size(instances)
  call persense_result_free(found)

  image%width = 0
  if (persense_segment(support, image, c_null_ptr, found) /= persense_invalid_argument) &
    error stop "status"
  if (c_associated(found)) error stop "a handle after a failure"
  call c_f_pointer(persense_last_error(), text, [19])
  if (any(text /= transfer("query image: size 0 ", text, 19))) error stop "last error"

  call persense_support_free(support)
  call persense_pipeline_free(pipeline)
  call persense_result_free(c_null_ptr)
  print *, count, "discs"

contains

  pure logical function on_disc(x, y)
    integer, intent(in) :: x, y
    on_disc = (modulo(x - 1, 40) - 20)**2 + (modulo(y - 1, 40) - 20)**2 <= 81
  end function

end program
