// Takes a float operand apart: value = (-1)^sign * significand * 2^(exponent - bias).
//
//   OPERAND_WIDTH  format               exponent  significand  bias
//   32             IEEE-754 binary32    8 bits    24 bits      127 + 23
//   16             bfloat16             8 bits     8 bits      127 + 7
//   8              E4M3 or E5M2 (OFP8)  5 bits     4 bits       15 + 3
//
// A subnormal number has no hidden one and the exponent of the smallest normal number, so its
// significand has leading zeros. E4M3 has no infinity, and one NaN (s.1111.111); its exponents are
// written with the bias of E5M2, and the significand of E5M2 gets a zero below.
//
//   value_i          the operand
//   e5m2_i           8 bits: the operand is E5M2 instead of E4M3; no effect otherwise
//   exponent_o       at least 1
//   significand_o    s<SIGNIFICAND_WIDTH>.0 without a sign; of no meaning where nan_o or inf_o is
//                    set
//
// Parameters:
//   OPERAND_WIDTH      32, 16 or 8
//   EXPONENT_WIDTH     8, 8 or 5
//   SIGNIFICAND_WIDTH  24, 8 or 4
//
// Latency: 0. Not handled: other formats.
`default_nettype none

module flexmac_float_decode #(
    parameter OPERAND_WIDTH     = 32,
    parameter EXPONENT_WIDTH    = 8,
    parameter SIGNIFICAND_WIDTH = 24
) (
    // control
    input  wire                         e5m2_i,
    // data
    input  wire [    OPERAND_WIDTH-1:0] value_i,
    output wire                         sign_o,
    output wire [   EXPONENT_WIDTH-1:0] exponent_o,
    output wire [SIGNIFICAND_WIDTH-1:0] significand_o,
    // status
    output wire                         zero_o,
    output wire                         inf_o,
    output wire                         nan_o
);

  generate
    if (!(OPERAND_WIDTH == 32 && EXPONENT_WIDTH == 8 && SIGNIFICAND_WIDTH == 24)
        && !(OPERAND_WIDTH == 16 && EXPONENT_WIDTH == 8 && SIGNIFICAND_WIDTH == 8)
        && !(OPERAND_WIDTH == 8 && EXPONENT_WIDTH == 5 && SIGNIFICAND_WIDTH == 4)) begin : gen_bad
      flexmac_float_decode_widths_must_be_those_of_a_format u_illegal ();
    end
  endgenerate

  assign sign_o = value_i[OPERAND_WIDTH-1];
  assign zero_o = value_i[OPERAND_WIDTH-2:0] == {(OPERAND_WIDTH - 1) {1'b0}};

  generate
    if (OPERAND_WIDTH == 8) begin : gen_bytes
      // E4M3: 8 more, between the two biases
      wire [4:0] biased = e5m2_i ? value_i[6:2] : {value_i[6], !value_i[6], value_i[5:3]};
      wire normal = value_i[6:3] != 4'd0 || (e5m2_i && value_i[2]);
      wire special = value_i[6:2] == 5'd31;
      assign exponent_o = {biased[4:1], biased[0] || !normal};
      assign significand_o = {normal, e5m2_i ? {value_i[1:0], 1'b0} : value_i[2:0]};
      assign inf_o = e5m2_i && special && value_i[1:0] == 2'd0;
      assign nan_o = special && (e5m2_i ? value_i[1:0] != 2'd0 : value_i[1:0] == 2'd3);
    end else begin : gen_words
      localparam FRACTION_WIDTH = SIGNIFICAND_WIDTH - 1;
      wire [7:0] biased = value_i[OPERAND_WIDTH-2 -: 8];
      wire [FRACTION_WIDTH-1:0] fraction = value_i[FRACTION_WIDTH-1:0];
      wire normal = biased != 8'd0;
      wire special = biased == 8'hff;
      wire unused_mode = &{1'b0, e5m2_i};
      assign exponent_o = {biased[7:1], biased[0] || !normal};
      assign significand_o = {normal, fraction};
      assign inf_o = special && fraction == {FRACTION_WIDTH{1'b0}};
      assign nan_o = special && fraction != {FRACTION_WIDTH{1'b0}};
    end
  endgenerate

`ifdef FORMAL
  // Rules, for every operand
  // 1. The number that a format gives to the bits is significand * 2^(exponent - bias): the
  //    exponent field, or 1 where it is 0, and the fraction with a one above unless the field is 0.
  // 2. NaN and infinity are those of the format: in E4M3 only s.1111.111, a NaN.
  // 3. Zero is the operand without a one below its sign.
  wire f_short = OPERAND_WIDTH == 8 && !e5m2_i;  // E4M3
  wire [7:0] f_field = OPERAND_WIDTH == 32 ? value_i[OPERAND_WIDTH-2 -: 8]
      : OPERAND_WIDTH == 16 ? value_i[OPERAND_WIDTH-2 -: 8]
      : f_short ? (value_i >> 3) & 15 : (value_i >> 2) & 31;
  wire [22:0] f_fraction = OPERAND_WIDTH == 32 ? value_i : OPERAND_WIDTH == 16 ? value_i & 127
      : f_short ? value_i & 7 : value_i & 3;
  wire [24:0] f_one = f_field == 0 ? 0 : OPERAND_WIDTH == 32 ? 25'h800000
      : OPERAND_WIDTH == 16 ? 25'd128 : f_short ? 25'd8 : 25'd4;
  wire [24:0] f_significand = f_one + f_fraction;
  wire [8:0] f_exponent = f_field == 0 ? 1 : f_field;
  wire f_top = f_field == (f_short ? 15 : OPERAND_WIDTH == 8 ? 31 : 255);

  always @* begin
    assert (sign_o == value_i[OPERAND_WIDTH-1]);
    assert (zero_o == (f_field == 0 && f_fraction == 0));
    assert (nan_o == (f_top && (f_short ? f_fraction == 7 : f_fraction != 0)));
    assert (inf_o == (f_top && !f_short && f_fraction == 0));
    if (!nan_o && !inf_o) begin
      assert (significand_o == (OPERAND_WIDTH == 8 && e5m2_i ? 2 * f_significand : f_significand));
      assert (exponent_o == (f_short ? f_exponent + 8 : f_exponent));
    end
    cover (inf_o || OPERAND_WIDTH == 8 && !e5m2_i);
    cover (nan_o && sign_o);
    cover (!zero_o && significand_o[SIGNIFICAND_WIDTH-1] == 1'b0);
  end
`endif

endmodule

`default_nettype wire
